import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import {
  type FakeVllm,
  type FakeVllmOptions,
  startFakeVllm,
} from '../../../src/simulator/serving/fake-vllm.ts';
import { KEY } from './an-order.ts';
import { aChat, events, getJson, metric, post, withKey } from './calls.ts';
import { eventually, statusOf, within } from './eventually.ts';
import { A_TOOL, named } from './tools.ts';

const started: FakeVllm[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((vllm) => vllm.stop()));
});

function launch(changes: Partial<FakeVllmOptions> = {}): { vllm: FakeVllm; lines: string[] } {
  const lines: string[] = [];
  const vllm = startFakeVllm({
    host: '127.0.0.1',
    port: 0,
    model: 'Qwen/Qwen2.5-7B-Instruct',
    apiKeys: [KEY],
    maxModelLen: 512,
    tokenDelayMs: 0,
    log: (line) => lines.push(line.text),
    ...changes,
  });
  started.push(vllm);
  return { vllm, lines };
}

async function serve(
  changes: Partial<FakeVllmOptions> = {},
): Promise<{ url: string; vllm: FakeVllm; lines: string[] }> {
  const { vllm, lines } = launch(changes);
  expect(await within('the server is ready', vllm.ready)).toBe(true);
  return { url: `http://127.0.0.1:${vllm.port()}`, vllm, lines };
}

test('the port stays closed until the model is loaded, and the log tells the start in order', async () => {
  const { vllm, lines } = launch({ loadMs: 150 });
  await eventually('the weights are being read', () =>
    lines.some((line) => line.includes('Starting to load model')),
  );
  expect(vllm.port()).toBeNull();
  await within('the server is ready', vllm.ready);
  expect(vllm.port()).not.toBeNull();
  const order = [
    'non-default args: {',
    'Resolved architecture: Qwen2ForCausalLM',
    'Using max model len 512',
    'Initializing a V1 LLM engine (v0.16.0)',
    'Starting to load model Qwen/Qwen2.5-7B-Instruct',
    'Loading weights took',
    'Model loading took',
    'GPU KV cache size: 4,096 tokens',
    'init engine (profile, create kv cache, warmup model) took',
    'Starting vLLM API server 0 on http://0.0.0.0:',
    'Started server process',
    'Waiting for application startup.',
    'Application startup complete.',
  ].map((text) => lines.findIndex((line) => line.includes(text)));
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test('only /v1 and /tokenize ask for the key', async () => {
  const { url } = await serve();
  for (const path of ['/health', '/ping', '/version', '/metrics', '/load', '/docs', '/openapi.json']) {
    expect([path, await statusOf(url + path)]).toEqual([path, 200]);
  }
  const refused = await fetch(`${url}/v1/models`);
  expect([refused.status, await refused.json()]).toEqual([401, { error: 'Unauthorized' }]);
  expect(await statusOf(`${url}/v1/models`, { authorization: 'Bearer wrong' })).toBe(401);
  expect(await statusOf(`${url}/v1/models`, { authorization: `bearer ${KEY}` })).toBe(200);
  expect(await statusOf(`${url}/v1/nonsense`)).toBe(401);
  expect((await post(`${url}/v1/chat/completions`, aChat(), {})).status).toBe(401);
  expect((await post(`${url}/tokenize`, { prompt: 'hello' }, {})).status).toBe(401);
  expect(await getJson(`${url}/version`)).toEqual({ version: '0.16.0' });
});

test('a server without a key answers everybody', async () => {
  const { url } = await serve({ apiKeys: [] });
  expect(await statusOf(`${url}/v1/models`)).toBe(200);
});

test('the model list names every served name, the repository and the context length', async () => {
  const { url } = await serve({ servedModelNames: ['default', 'qwen'] });
  expect(await getJson(`${url}/v1/models`)).toMatchObject({
    object: 'list',
    data: [
      {
        id: 'default',
        object: 'model',
        owned_by: 'vllm',
        root: 'Qwen/Qwen2.5-7B-Instruct',
        parent: null,
        max_model_len: 512,
      },
      { id: 'qwen', permission: [{ object: 'model_permission' }] },
    ],
  });
});

const AN_IMAGE = {
  role: 'user',
  content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aa' } }],
};

test.each([
  ['a model it does not serve', aChat({ model: 'gpt-4' }), 404, 'NotFoundError', 'model'],
  ['a body without messages', { model: 'Qwen/Qwen2.5-7B-Instruct' }, 400, 'Bad Request', null],
  ['a body that is not JSON', '{"messages": [', 400, 'Bad Request', null],
  ['more tokens than the context holds', aChat({ max_tokens: 10_000 }), 400, 'BadRequestError', 'max_tokens'],
  ['no token at all', aChat({ max_tokens: 0 }), 400, 'BadRequestError', 'max_tokens'],
  [
    'stream options without a stream',
    aChat({ stream_options: { include_usage: true } }),
    400,
    'Bad Request',
    null,
  ],
  ['no message', aChat({ messages: [] }), 400, 'BadRequestError', null],
  ['no choice', aChat({ n: 0 }), 400, 'BadRequestError', null],
  ['too many probabilities', aChat({ logprobs: true, top_logprobs: 21 }), 400, 'BadRequestError', 'logprobs'],
  ['an image', aChat({ messages: [AN_IMAGE] }), 400, 'BadRequestError', null],
  ['tools that it may choose, without its flags', aChat({ tools: [A_TOOL] }), 400, 'BadRequestError', null],
  [
    'a tool that there is none of',
    aChat({ tools: [A_TOOL], tool_choice: named('buy') }),
    400,
    'Bad Request',
    null,
  ],
  ['a choice of no tool', aChat({ tool_choice: 'required' }), 400, 'Bad Request', null],
])('%s is refused in the shape of vLLM', async (_case, body, status, type, param) => {
  const { url } = await serve();
  const answer = await post(`${url}/v1/chat/completions`, body);
  expect(answer.status).toBe(status);
  expect(answer.json()).toEqual({ error: { message: expect.any(String), type, param, code: status } });
});

test('a body that does not say that it is JSON is refused', async () => {
  const { url } = await serve();
  const answer = await post(`${url}/v1/chat/completions`, aChat(), {
    ...withKey,
    'content-type': 'text/plain',
  });
  expect(answer.status).toBe(400);
  expect(answer.text).toContain('Unsupported Media Type');
});

test('a caller that leaves in the middle of its request does no harm', async () => {
  const { url, vllm } = await serve();
  const socket = connect(vllm.port() ?? 0, '127.0.0.1');
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\n`;
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{"messages": [`, () =>
    socket.destroy(),
  );
  await once(socket, 'close');
  await eventually(
    'the request is over',
    async () =>
      (await metric(url, 'http_requests_total', { handler: '/v1/chat/completions', status: '5xx' })) === 1,
  );
  expect(await statusOf(`${url}/v1/models`, withKey)).toBe(200);
});

test('a route it does not have is 404, a wrong method 405', async () => {
  const { url } = await serve();
  expect(await statusOf(`${url}/nonsense`)).toBe(404);
  expect(await getJson(`${url}/v1/nonsense`)).toEqual({ detail: 'Not Found' });
  expect(await statusOf(`${url}/v1/chat/completions`, withKey)).toBe(405);
});

test('a stream opens with the role, ends with the reason, then usage, then [DONE]', async () => {
  const { url } = await serve();
  const request = aChat({ max_tokens: 6 });
  const streamed = await post(`${url}/v1/chat/completions`, {
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  const data = events(streamed.text);
  expect(data.pop()).toBe('[DONE]');
  const chunks = data.map((text) => JSON.parse(text));
  const usage = chunks.pop();
  expect(usage).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
  expect(chunks[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
  expect(chunks.map((chunk) => chunk.choices[0].finish_reason)).toEqual([...Array(6).fill(null), 'length']);
  expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
  const whole = (await post(`${url}/v1/chat/completions`, request)).json();
  const text = chunks.map((chunk) => chunk.choices[0].delta.content).join('');
  expect(whole).toMatchObject({
    object: 'chat.completion',
    choices: [{ message: { role: 'assistant', content: text }, finish_reason: 'length' }],
    usage: { completion_tokens: 6 },
  });
});

test('the same seed gives the same answer, another seed another', async () => {
  const say = async (seed: number): Promise<unknown> => {
    const { url } = await serve({ seed });
    const { choices } = (await post(`${url}/v1/chat/completions`, aChat())).json();
    return choices;
  };
  const [first, again, other] = [await say(1), await say(1), await say(2)];
  expect(first).toEqual(again);
  expect(first).not.toEqual(other);
});

test('an answer without a limit ends by itself, and ignore_eos runs to the limit', async () => {
  const { url } = await serve();
  expect((await post(`${url}/v1/chat/completions`, aChat())).json()).toMatchObject({
    choices: [{ finish_reason: 'stop' }],
  });
  expect(
    (await post(`${url}/v1/completions`, { prompt: 'Rent', max_tokens: 300, ignore_eos: true })).json(),
  ).toMatchObject({
    object: 'text_completion',
    choices: [{ finish_reason: 'length', text: expect.any(String) }],
    usage: { completion_tokens: 300 },
  });
});

test('only calls with the key move the counter that the guard watches', async () => {
  const { url } = await serve();
  const models = (): Promise<number | undefined> =>
    metric(url, 'http_requests_total', { handler: '/v1/models', method: 'GET', status: '2xx' });
  expect(await models()).toBeUndefined();
  await statusOf(`${url}/v1/models`);
  for (const path of ['/health', '/ping', '/version', '/load', '/metrics']) await statusOf(url + path);
  expect(await metric(url, 'http_requests_total')).toBeUndefined();
  await statusOf(`${url}/v1/models`, withKey);
  await statusOf(`${url}/v1/models`, withKey);
  expect(await models()).toBe(2);
  await post(`${url}/v1/chat/completions`, aChat({ model: 'gpt-4' }));
  expect(await metric(url, 'http_requests_total', { handler: '/v1/chat/completions', status: '4xx' })).toBe(
    1,
  );
});

test('finished requests and their tokens are counted by reason', async () => {
  const { url } = await serve();
  const labels = { model_name: 'Qwen/Qwen2.5-7B-Instruct', engine: '0' };
  expect(await metric(url, 'vllm:request_success_total', { ...labels, finished_reason: 'length' })).toBe(0);
  await post(`${url}/v1/chat/completions`, aChat({ max_tokens: 5 }));
  await post(`${url}/v1/chat/completions`, aChat());
  expect(await metric(url, 'vllm:request_success_total', { ...labels, finished_reason: 'length' })).toBe(1);
  expect(await metric(url, 'vllm:request_success_total', { ...labels, finished_reason: 'stop' })).toBe(1);
  expect(await metric(url, 'vllm:generation_tokens_total', labels)).toBeGreaterThan(5);
  expect(await metric(url, 'vllm:prompt_tokens_total', labels)).toBeGreaterThan(0);
  expect(await metric(url, 'vllm:time_to_first_token_seconds_count')).toBe(2);
  expect(await metric(url, 'vllm:e2e_request_latency_seconds_bucket', { le: '+Inf' })).toBe(2);
});

test('a client that leaves stops its generation', async () => {
  const { url } = await serve({ tokenDelayMs: 20 });
  const controller = new AbortController();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...withKey, 'content-type': 'application/json' },
    body: JSON.stringify(aChat({ stream: true, max_tokens: 400, ignore_eos: true })),
    signal: controller.signal,
  });
  await response.body?.getReader().read();
  expect(await metric(url, 'vllm:num_requests_running')).toBe(1);
  expect(await metric(url, 'vllm:kv_cache_usage_perc')).toBeGreaterThan(0);
  controller.abort();
  await eventually(
    'nothing runs any more',
    async () => (await metric(url, 'vllm:num_requests_running')) === 0,
  );
  expect(await metric(url, 'vllm:time_to_first_token_seconds_count')).toBe(1);
  for (const reason of ['stop', 'length', 'abort', 'error']) {
    expect(await metric(url, 'vllm:request_success_total', { finished_reason: reason })).toBe(0);
  }
  expect(await metric(url, 'vllm:generation_tokens_total')).toBeLessThan(400);
});

test('what does not fit beside the running requests waits its turn', async () => {
  const { url } = await serve({ maxNumSeqs: 1, tokenDelayMs: 10 });
  const both = [1, 2].map(() =>
    post(`${url}/v1/chat/completions`, aChat({ max_tokens: 40, ignore_eos: true })),
  );
  await eventually('one waits', async () => (await metric(url, 'vllm:num_requests_waiting')) === 1);
  expect(await metric(url, 'vllm:num_requests_running')).toBe(1);
  expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
  expect(await metric(url, 'vllm:num_requests_waiting')).toBe(0);
});

test('an answer asked for in a JSON schema is JSON of that schema', async () => {
  const { url } = await serve();
  const schema = {
    type: 'object',
    properties: { price: { type: 'number' }, tags: { type: 'array', items: { type: 'string' } } },
  };
  const response_format = { type: 'json_schema', json_schema: { name: 'offer', schema } };
  const { choices } = (await post(`${url}/v1/chat/completions`, aChat({ response_format }))).json();
  const [choice] = choices as { message: { content: string } }[];
  expect(JSON.parse(choice?.message.content ?? '')).toEqual({ price: 0.5, tags: ['gpu'] });
});

test('a pooling model embeds and does not chat, a generating one the other way round', async () => {
  const { url } = await serve({ model: 'BAAI/bge-m3', runner: 'pooling' });
  const answer = (await post(`${url}/v1/embeddings`, { model: 'BAAI/bge-m3', input: ['a', 'b'] })).json();
  expect(answer).toMatchObject({
    object: 'list',
    data: [{ index: 0 }, { index: 1 }],
    usage: { prompt_tokens: 2 },
  });
  const packed = (await post(`${url}/v1/embeddings`, { input: 'a', encoding_format: 'base64' })).json();
  const [{ embedding: bytes } = { embedding: '' }] = packed.data as { embedding: string }[];
  const [{ embedding: numbers } = { embedding: [] }] = answer.data as { embedding: number[] }[];
  expect(Buffer.from(bytes, 'base64').readFloatLE(0)).toBeCloseTo(numbers[0] ?? Number.NaN, 6);
  expect((await post(`${url}/v1/chat/completions`, aChat())).status).toBe(404);
  const generating = await serve();
  expect((await post(`${generating.url}/v1/embeddings`, { input: 'a' })).status).toBe(404);
});

test('a prompt is counted in tokens', async () => {
  const { url } = await serve();
  const answer = (await post(`${url}/tokenize`, { prompt: 'Rent a GPU' })).json();
  expect(answer).toMatchObject({
    count: 3,
    max_model_len: 512,
    tokens: [expect.any(Number), expect.any(Number), expect.any(Number)],
  });
});

test('a dead engine answers 500 and 503, names EngineCore, and ends the server with code 0', async () => {
  const { url, vllm, lines } = await serve({
    faults: [{ fault: 'vllm-dies', afterMs: 150 }],
    tokenDelayMs: 20,
  });
  const cut = post(`${url}/v1/chat/completions`, aChat({ stream: true, max_tokens: 400, ignore_eos: true }));
  await eventually('the engine is dead', async () => (await statusOf(`${url}/health`)) === 503);
  const answer = await post(`${url}/v1/chat/completions`, aChat());
  expect(answer.status).toBe(500);
  expect(answer.json()).toMatchObject({
    error: { type: 'InternalServerError', message: expect.stringContaining('EngineCore'), code: 500 },
  });
  expect((await cut).text).toContain('InternalServerError');
  expect(await within('the server ends', vllm.exited)).toEqual({ code: 0 });
  expect(await statusOf(`${url}/health`)).toBe('refused');
  expect(lines.some((line) => line.includes('EngineCore encountered a fatal error'))).toBe(true);
  expect(lines.some((line) => line.includes('EngineDeadError'))).toBe(true);
});

test('a flapping server goes and comes back with its counters at zero', async () => {
  const { url } = await serve({ faults: [{ fault: 'vllm-flaps', afterMs: 200 }] });
  await statusOf(`${url}/v1/models`, withKey);
  const before = await metric(url, 'process_start_time_seconds');
  await eventually('it is gone', async () => (await statusOf(`${url}/health`)) === 'refused');
  await eventually('it is back', async () => (await statusOf(`${url}/health`)) === 200);
  expect(await metric(url, 'process_start_time_seconds')).toBeGreaterThan(before ?? 0);
  expect(await metric(url, 'http_requests_total')).toBeUndefined();
  await eventually('it is gone again', async () => (await statusOf(`${url}/health`)) === 'refused');
});

test('a proxy in front of nothing is healthy and serves nothing', async () => {
  const { vllm } = launch({ faults: [{ fault: 'health-only', afterMs: 0 }] });
  const port = await eventually('the proxy listens', () => vllm.port());
  expect(await statusOf(`http://127.0.0.1:${port}/health`)).toBe(200);
  expect(await statusOf(`http://127.0.0.1:${port}/v1/models`, withKey)).toBe(502);
  expect(await statusOf(`http://127.0.0.1:${port}/metrics`)).toBe(502);
});

test('a terminated server lets the open answer finish and then ends', async () => {
  const { url, vllm, lines } = await serve({ tokenDelayMs: 5 });
  const open = post(`${url}/v1/chat/completions`, aChat({ max_tokens: 30, ignore_eos: true }));
  await eventually('it generates', async () => (await metric(url, 'vllm:num_requests_running')) === 1);
  await vllm.terminate();
  expect((await open).status).toBe(200);
  expect(await within('the server ends', vllm.exited)).toEqual({ code: 0 });
  expect(lines.at(-1)).toContain('Finished server process');
});

test('a killed server resets the answers it was giving', async () => {
  const { url, vllm } = await serve({ tokenDelayMs: 20 });
  const cut = post(`${url}/v1/chat/completions`, aChat({ max_tokens: 400, ignore_eos: true }));
  const failed = expect(cut).rejects.toThrow('fetch failed');
  await eventually('it generates', async () => (await metric(url, 'vllm:num_requests_running')) === 1);
  await vllm.stop();
  await failed;
});

test('a taken port ends the server with an OSError', async () => {
  const { vllm } = await serve();
  const second = launch({ port: vllm.port() });
  expect(await within('the second ends', second.vllm.exited)).toEqual({ code: 1 });
  expect(second.lines.at(-1)).toContain('OSError');
});
