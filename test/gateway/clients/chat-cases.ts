import { z } from 'zod';
import type { Case } from './client-case.ts';
import { answer, anyWords, gathered, inexpressible, refused, usage } from './expectations.ts';
import { chat, says } from './requests.ts';

const PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Words in, words out. */
export const CHAT_CASES: readonly Case[] = [
  { name: 'chat: plain', call: 'chat', params: chat(), expected: { vllm: answer(), real: answer(anyWords) } },
  {
    name: 'chat: without a model of its own',
    call: 'chat',
    params: chat({ model: 'default' }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'chat: streamed',
    call: 'chat.stream',
    params: chat(),
    expected: { vllm: gathered(), real: gathered(anyWords) },
  },
  {
    name: 'chat: streamed with its usage',
    call: 'chat.stream',
    params: chat({ stream_options: { include_usage: true } }),
    expected: { vllm: gathered({}, usage), real: gathered(anyWords, usage) },
  },
  {
    name: 'chat: streamed by the helper',
    call: 'chat.stream.helper',
    // By its end and not by its limit, also where weights are random: the package for Python takes the latter amiss.
    params: chat({ max_tokens: 200, stop: [...'eaotinsr'], stream_options: { include_usage: true } }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'chat: streamed by the asynchronous client',
    call: 'chat.stream.async',
    params: chat(),
    expected: { vllm: gathered(), real: gathered(anyWords) },
  },
  {
    name: 'chat: twenty at once',
    call: 'chat.many',
    count: 20,
    params: chat(),
    expected: { vllm: z.strictObject({ answered: z.literal(20), ids: z.literal(20) }) },
  },
  {
    name: 'chat: system and developer prompts, several turns',
    call: 'chat',
    params: chat({
      messages: [
        says('Be brief.', 'system'),
        says('Speak as a sailor.', 'developer'),
        says('Hello.'),
        says('Ahoy.', 'assistant'),
        says([{ type: 'text', text: 'Go on.' }]),
      ],
    }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'chat: an image',
    call: 'chat',
    params: chat({
      messages: [
        says([
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: PNG } },
        ]),
      ],
    }),
    expected: {
      vllm: refused('BadRequestError', { status: 400 }),
      anthropic: answer({ text: z.string().regex(/I see 1 image/) }),
    },
  },
  {
    name: 'chat: a limit of tokens',
    call: 'chat',
    params: chat({ max_tokens: 3 }),
    expected: {
      vllm: answer({ finish: z.literal('length') }),
      real: answer({ ...anyWords, finish: z.literal('length') }),
    },
  },
  {
    name: 'chat: a limit by its newer name',
    call: 'chat',
    params: { model: '$model', messages: [says('Count.')], max_completion_tokens: 3 },
    expected: {
      vllm: answer({ finish: z.literal('length') }),
      real: answer({ ...anyWords, finish: z.literal('length') }),
    },
  },
  {
    name: 'chat: stop sequences',
    call: 'chat',
    params: chat({ stop: ['.', ','], max_tokens: 200 }),
    expected: {
      vllm: answer({ text: z.string().regex(/^[^.,]+$/), finish: z.literal('stop') }),
      real: answer(anyWords),
    },
  },
  {
    name: 'chat: sampling, a seed, a user',
    call: 'chat',
    params: chat({ temperature: 0.5, seed: 7, presence_penalty: 0.1, user: 'someone' }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'chat: several choices',
    call: 'chat',
    params: chat({ n: 2 }),
    expected: {
      vllm: z.looseObject({ choices: z.array(z.looseObject({ role: z.literal('assistant') })).length(2) }),
      anthropic: inexpressible('n'),
    },
  },
  {
    name: 'chat: several choices, streamed',
    call: 'chat.stream',
    params: chat({ n: 2 }),
    expected: {
      vllm: z.looseObject({ choices: z.array(z.looseObject({ finish: z.string() })).length(2) }),
      anthropic: inexpressible('n'),
    },
  },
  {
    name: 'chat: probabilities of tokens',
    call: 'chat',
    params: chat({ logprobs: true, top_logprobs: 2, max_tokens: 4 }),
    expected: {
      vllm: answer({ ...anyWords, logprobs: z.int().positive() }),
      anthropic: inexpressible('logprobs'),
    },
  },
  {
    name: 'chat: fields that the package does not know',
    call: 'chat',
    params: chat({ max_tokens: 40 }),
    extra: { min_tokens: 40, ignore_eos: true, something_new: { a: 1 } },
    expected: {
      // Passed on, so it runs to its limit.
      vllm: answer({ ...anyWords, finish: z.literal('length') }),
      anthropic: answer({ finish: z.literal('stop') }),
    },
  },
  {
    name: 'chat: headers of the raw answer',
    call: 'chat.headers',
    params: chat(),
    expected: {
      vllm: z.strictObject({
        provider: z.literal('vastai'),
        attempts: z.literal('1'),
        hasRequestId: z.literal(true),
        requestId: z.null(),
      }),
      anthropic: z.looseObject({ provider: z.literal('anthropic'), hasRequestId: z.literal(true) }),
    },
  },
  {
    name: 'chat: an id that the caller gave',
    call: 'chat.headers',
    params: chat({ extra_headers: { 'x-request-id': 'caller-7' } }),
    expected: { vllm: z.looseObject({ hasRequestId: z.literal(true), requestId: z.literal('caller-7') }) },
  },
];
