import { describe, expect, test } from 'vitest';
import {
  anthropicError,
  CompletionStream,
  chatCompletion,
  messagesRequest,
} from '../../../src/gateway/anthropic/translation.ts';
import { REFUSED_PROMPT } from '../../support/anthropic-answers.ts';
import {
  type AnthropicApi,
  type AnthropicApiOptions,
  startAnthropicApi,
} from '../../support/anthropic-api.ts';
import { asGathered, chunksOf, dataOf, gathered } from './reading-completions.ts';

const MODEL = 'claude-haiku-4-5';
const TOOLS = [
  {
    type: 'function',
    function: {
      name: 'look',
      parameters: {
        type: 'object',
        properties: { where: { type: 'string', enum: ['left', 'right'] } },
        required: ['where'],
      },
    },
  },
  { type: 'function', function: { name: 'wait' } },
];

const user = (content: string) => ({ role: 'user', content });

function post(api: AnthropicApi, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${api.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': api.apiKey,
      ...headers,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
}

async function asked(
  api: AnthropicApi,
  chat: Record<string, unknown>,
  model = MODEL,
): Promise<Record<string, unknown>> {
  const { body } = messagesRequest('chat/completions', chat, { model, maxTokensDefault: 500 });
  const response = await post(api, body);
  expect(response.status).toBe(200);
  return chatCompletion(await response.json(), { model, createdSec: 1 });
}

async function streamed(api: AnthropicApi, chat: Record<string, unknown>, model = MODEL) {
  const { body } = messagesRequest(
    'chat/completions',
    { ...chat, stream: true },
    { model, maxTokensDefault: 500 },
  );
  const response = await post(api, body);
  const stream = new CompletionStream({ model, createdSec: 1, includeUsage: true });
  const out: Buffer[] = [];
  try {
    for await (const chunk of response.body ?? []) out.push(stream.push(Buffer.from(chunk)));
  } catch {
    // The connection broke: what follows is for the stream to say.
  }
  out.push(stream.end());
  return { stream, response, bytes: Buffer.concat(out) };
}

describe('a conversation with the look-alike', () => {
  test.each([
    ['a question', { messages: [{ role: 'system', content: 'Be brief.' }, user('Hello — 雪 😀')] }],
    ['a question that needs a tool', { messages: [user('Where is the door?')], tools: TOOLS }],
    ['a question that needs two', { messages: [user('Use both')], tools: TOOLS }],
    ['a stop sequence', { messages: [user('Hello')], stop: ['said'] }],
    ['few tokens', { messages: [user('Hello')], max_tokens: 3 }],
    ['a refusal', { messages: [user(REFUSED_PROMPT)] }],
    [
      'a schema',
      {
        messages: [user('Hello')],
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'a', schema: { type: 'object', properties: { count: { type: 'integer' } } } },
        },
      },
    ],
  ])('%s: a stream says what a plain answer says', async (_name, chat) => {
    await using api = await startAnthropicApi({ lineEnd: '\r\n' });
    for (const model of [MODEL, 'claude-haiku-5-5']) {
      const plain = asGathered(await asked(api, chat, model));
      const { bytes } = await streamed(api, chat, model);
      const events = gathered(chunksOf(bytes));
      expect(withoutIds(events)).toEqual(withoutIds(plain));
    }
  });

  test('a tool is called with arguments that fit it, and its result is answered', async () => {
    await using api = await startAnthropicApi();
    const question = user('Where is the door?');
    const first = await asked(api, { messages: [question], tools: TOOLS });
    expect(first).toMatchObject({ choices: [{ finish_reason: 'tool_calls', message: { content: null } }] });
    const [{ message }] = first.choices as [
      { message: { tool_calls: [{ id: string; function: { arguments: string } }] } },
    ];
    expect(JSON.parse(message.tool_calls[0].function.arguments)).toEqual({ where: 'left' });
    const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'a door' };
    const second = await asked(api, { messages: [question, message, result], tools: TOOLS });
    expect(second).toMatchObject({
      choices: [{ finish_reason: 'stop', message: { content: 'The tools said: a door.' } }],
    });
  });

  test.each([
    ['rate-limited', { retryAfterSeconds: 7, whose: 'provider', error: { status: 429 } }],
    ['overloaded', { whose: 'provider', error: { code: 'upstream_overloaded' } }],
    ['html-500', { whose: 'provider', error: { code: 'upstream_error' } }],
    ['api-error', { whose: 'provider', error: { code: 'upstream_error' } }],
    ['no-credit', { whose: 'provider', error: { code: 'upstream_billing' } }],
    ['forbidden', { whose: 'provider', error: { code: 'upstream_forbidden' } }],
  ] as const)('%s', async (fault, expected) => {
    await using api = await startAnthropicApi();
    api.failNext(fault);
    const { body } = messagesRequest(
      'chat/completions',
      { messages: [user('Hello')] },
      { model: MODEL, maxTokensDefault: 5 },
    );
    const failed = await post(api, body);
    expect(
      anthropicError(failed.status, await failed.text(), Object.fromEntries(failed.headers)),
    ).toMatchObject(expected);
    expect((await post(api, body)).status).toBe(200);
  });

  test.each([
    ['error-midstream', 'upstream_overloaded'],
    ['error-at-once', 'upstream_overloaded'],
    ['ended-early', 'upstream_interrupted'],
    ['cut', 'upstream_interrupted'],
    ['garbage', 'upstream_interrupted'],
  ] as const)('a stream that fails by %s ends with an error, without [DONE]', async (fault, code) => {
    await using api = await startAnthropicApi();
    api.failNext(fault);
    const { stream, bytes } = await streamed(api, { messages: [user('Hello')] });
    const data = dataOf(bytes);
    expect(JSON.parse(data.at(-1) ?? '')).toMatchObject({ error: { code } });
    expect(data).not.toContain('[DONE]');
    expect(stream.isDone).toBe(false);
  });

  test('a slow stream arrives whole', async () => {
    await using api = await startAnthropicApi({ slowMs: 2 });
    api.failNext('slow');
    const { stream } = await streamed(api, { messages: [user('Hello')] });
    expect(stream.isDone).toBe(true);
  });
});

describe('the look-alike is as strict as the API', () => {
  const plain = { model: MODEL, max_tokens: 5, messages: [user('Hello')] };
  const use = (id: string) => ({
    role: 'assistant',
    content: [{ type: 'tool_use', id, name: 'look', input: {} }],
  });
  const result = (id: string) => ({
    role: 'user',
    content: [{ type: 'tool_result', tool_use_id: id, content: 'seen' }],
  });
  const tools = [{ name: 'look', input_schema: { type: 'object' } }];

  test.each<[name: string, rest: Record<string, unknown>, message: RegExp]>([
    ['an unknown field', { logprobs: true }, /^logprobs: Extra inputs are not permitted$/],
    ['no max_tokens', { max_tokens: undefined }, /max_tokens/],
    ['a system turn', { messages: [{ role: 'system', content: 'a' }] }, /role/],
    ['two turns of the user', { messages: [user('a'), user('b')] }, /alternate/],
    [
      'an assistant that begins',
      { messages: [{ role: 'assistant', content: 'a' }, user('b')] },
      /first message/,
    ],
    ['blank text', { messages: [user(' ')] }, /non-whitespace/],
    ['a blank stop sequence', { stop_sequences: ['\n'] }, /non-whitespace/],
    ['too warm', { temperature: 1.2 }, /temperature/],
    ['temperature and top_p', { temperature: 1, top_p: 0.5 }, /only one/],
    ['temperature for a new model', { model: 'claude-opus-5-5', temperature: 0.5 }, /deprecated/],
    [
      'a budget for a new model',
      { model: 'claude-opus-5-5', thinking: { type: 'enabled', budget_tokens: 2_000 } },
      /not supported/,
    ],
    [
      'a prefill for a new model',
      { model: 'claude-opus-5-5', messages: [user('a'), { role: 'assistant', content: 'b' }] },
      /prefill/,
    ],
    [
      'a forced tool for a new model',
      { model: 'claude-opus-5-5', tools, tool_choice: { type: 'any' } },
      /forced/,
    ],
    ['a choice of no tools', { tool_choice: { type: 'auto' } }, /tools/],
    [
      'a call that nothing answers',
      { tools, messages: [user('a'), use('a'), user('b')] },
      /without `tool_result`/,
    ],
    ['a result that nothing called', { tools, messages: [result('a')] }, /unexpected/],
    ['an id twice', { tools, messages: [user('a'), use('a'), result('a'), use('a'), result('a')] }, /unique/],
    ['an id with dots', { tools, messages: [user('a'), use('a.b'), result('a.b')] }, /match/],
    ['calls without tools', { messages: [user('a'), use('a'), result('a')] }, /must define tools/],
    [
      'an open schema',
      { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
      /additionalProperties/,
    ],
    [
      'a picture of another kind',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image', source: { type: 'base64', media_type: 'image/tiff', data: 'aGVsbG8=' } },
            ],
          },
        ],
      },
      /media_type/,
    ],
    ['a long user_id', { metadata: { user_id: 'x'.repeat(257) } }, /user_id/],
  ])('%s', async (_name, rest, message) => {
    await using api = await startAnthropicApi();
    const response = await post(api, { ...plain, ...rest });
    const { error } = (await response.json()) as { error: { type: string; message: string } };
    expect([response.status, error.type]).toEqual([400, 'invalid_request_error']);
    expect(error.message).toMatch(message);
  });

  test.each([
    [{ 'x-api-key': 'wrong' }, 401, 'authentication_error'],
    [{ 'anthropic-version': '2020-01-01' }, 400, 'invalid_request_error'],
    [{ 'content-type': 'text/plain' }, 400, 'invalid_request_error'],
  ])('headers %j', async (headers, status, type) => {
    await using api = await startAnthropicApi();
    const response = await post(api, plain, headers);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: 'error', error: { type } });
  });

  test('a model it does not have', async () => {
    await using api = await startAnthropicApi();
    const response = await post(api, { ...plain, model: 'claude-9' });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { type: 'not_found_error' } });
  });

  test('one that goes away is noticed', async () => {
    await using api = await startAnthropicApi({ slowMs: 5 } satisfies AnthropicApiOptions);
    api.failNext('slow');
    const response = await post(api, { ...plain, max_tokens: 500, stream: true });
    await response.body?.cancel();
    await expect.poll(() => api.aborted()).toBe(1);
  });
});

/** Each call has an id of its own, and so a plain and a streamed answer differ in them. */
function withoutIds(answer: Record<string, unknown>): Record<string, unknown> {
  return { ...answer, calls: (answer.calls as object[]).map((call) => ({ ...call, id: null })) };
}
