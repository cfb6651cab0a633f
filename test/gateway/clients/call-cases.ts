import { z } from 'zod';
import type { Case } from './client-case.ts';
import {
  anyWords,
  completion,
  embedded,
  inexpressible,
  noSuchCall,
  refused,
  responded,
  usage,
  words,
} from './expectations.ts';

/** Models, completions, embeddings, responses. */
export const CALL_CASES: readonly Case[] = [
  {
    name: 'models: the list',
    call: 'models.list',
    expected: { vllm: z.strictObject({ ids: z.array(z.string()).refine((ids) => ids.includes('$model')) }) },
  },
  {
    name: 'models: one by its name, slash and all',
    call: 'models.retrieve',
    params: { model: '$model' },
    expected: { vllm: z.strictObject({ id: z.literal('$model'), object: z.literal('model') }) },
  },
  {
    name: 'models: one that nobody serves',
    call: 'models.retrieve',
    params: { model: 'acme/none' },
    expected: { vllm: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }) },
  },
  {
    name: 'models: not shown to a key that may not use it',
    call: 'models.retrieve',
    params: { model: '$model' },
    key: 'other',
    expected: { vllm: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }) },
  },
  {
    name: 'completions: plain',
    call: 'completions',
    params: { model: '$model', prompt: 'Once upon a time', max_tokens: 4 },
    expected: { vllm: completion(), real: completion(anyWords) },
  },
  {
    name: 'completions: streamed with its usage',
    call: 'completions.stream',
    params: {
      model: '$model',
      prompt: 'Once upon a time',
      max_tokens: 4,
      stream_options: { include_usage: true },
    },
    expected: {
      vllm: z.strictObject({
        choices: z.tuple([z.looseObject({ text: z.string(), finish: z.literal('length') })]),
        usage,
      }),
    },
  },
  {
    name: 'completions: probabilities of tokens',
    call: 'completions',
    params: { model: '$model', prompt: 'Once upon a time', max_tokens: 4, logprobs: 2 },
    expected: {
      vllm: completion({ ...anyWords, logprobs: z.literal(4) }),
      anthropic: inexpressible('logprobs'),
    },
  },
  {
    name: 'embeddings: as the package asks for them',
    call: 'embeddings',
    params: { model: '$embedding', input: ['one text', 'another'] },
    expected: {
      vllm: embedded(2),
      anthropic: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }),
    },
  },
  {
    name: 'embeddings: as numbers',
    call: 'embeddings',
    params: { model: '$embedding', input: 'one text', encoding_format: 'float' },
    expected: {
      vllm: embedded(1),
      anthropic: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }),
    },
  },
  {
    name: 'embeddings: of a model that has none',
    call: 'embeddings',
    params: { model: '$model', input: 'one text' },
    expected: { vllm: noSuchCall },
  },
  {
    name: 'responses: plain',
    call: 'responses',
    params: { model: '$model', input: 'Say hello.', max_output_tokens: 8 },
    expected: { vllm: responded(words), anthropic: noSuchCall, real: responded(z.string()) },
  },
  {
    name: 'responses: streamed',
    call: 'responses.stream',
    params: { model: '$model', input: 'Say hello.', max_output_tokens: 8 },
    expected: { vllm: responded(words, true), anthropic: noSuchCall, real: responded(z.string(), true) },
  },
];
