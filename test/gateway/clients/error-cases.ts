import { z } from 'zod';
import type { Case } from './client-case.ts';
import { inexpressible, refused } from './expectations.ts';
import { chat, says } from './requests.ts';

/** What is refused or fails, and callers who leave. */
export const ERROR_CASES: readonly Case[] = [
  {
    name: 'errors: a wrong key',
    call: 'chat',
    params: chat(),
    key: 'wrong',
    expected: { vllm: refused('AuthenticationError', { status: 401, code: 'invalid_api_key' }) },
  },
  {
    name: 'errors: a model that the key may not use',
    call: 'chat.stream',
    params: chat(),
    key: 'other',
    expected: {
      vllm: refused('PermissionDeniedError', { status: 403, code: 'model_not_allowed', param: 'model' }),
    },
  },
  {
    name: 'errors: a model that nobody serves',
    call: 'chat.stream',
    params: chat({ model: 'gpt-none' }),
    expected: { vllm: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }) },
  },
  {
    name: 'errors: a temperature out of range',
    call: 'chat.stream',
    params: chat({ temperature: -1 }),
    expected: { vllm: refused('BadRequestError', { status: 400, param: 'temperature' }) },
  },
  {
    name: 'errors: no messages',
    call: 'chat',
    params: chat({ messages: [] }),
    expected: { vllm: refused('BadRequestError', { status: 400 }), anthropic: inexpressible('messages') },
  },
  {
    name: 'errors: more than a request may be',
    call: 'chat.long',
    params: chat(),
    count: 33 * 1_024 * 1_024,
    expected: { vllm: refused('APIStatusError', { status: 413, code: 'request_too_large' }) },
  },
  {
    name: 'errors: a provider that has too much to do',
    call: 'chat.retry-after',
    params: chat({ model: 'limited' }),
    expected: {
      vllm: refused('RateLimitError', { status: 429 }).and(z.looseObject({ hasRetryAfter: z.literal(true) })),
    },
  },
  {
    name: 'errors: one that has room after the time it named',
    call: 'chat.retry',
    params: chat({ model: 'limited-once' }),
    retries: 2,
    expected: { vllm: z.strictObject({ hasWaited: z.literal(true) }) },
  },
  {
    name: 'errors: a provider that fails',
    call: 'chat.stream',
    params: chat({ model: 'broken' }),
    expected: { vllm: refused('InternalServerError', { status: 500 }) },
  },
  {
    name: 'errors: a stream that breaks off',
    call: 'chat.broken',
    params: chat({ model: 'cut' }),
    expected: {
      vllm: z.strictObject({
        error: z.literal('APIError'),
        status: z.null(),
        code: z.literal('upstream_interrupted'),
        param: z.null(),
        chunks: z.literal(2),
      }),
    },
  },
  {
    name: 'leaving: a time limit of the caller',
    call: 'chat',
    params: chat({ model: 'silent' }),
    timeoutSeconds: 0.5,
    expected: { vllm: z.strictObject({ error: z.literal('timeout') }) },
  },
  {
    name: 'leaving: a stream that is not read to its end',
    call: 'chat.abort',
    params: chat({ messages: [says('Tell me a long story.')], max_tokens: 400 }),
    extra: { ignore_eos: true },
    expected: { vllm: z.strictObject({ chunks: z.literal(2) }) },
  },
];
