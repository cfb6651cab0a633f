import { expect, test } from 'vitest';
import type { Metering } from '../../src/gateway/seams.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { chat, MODEL, serveFakeVllm, serveRaw } from './upstreams.ts';

type Noted = Parameters<Metering['note']>[0];

async function startCounting() {
  const noted: Noted[] = [];
  const edge = await startHttpEdge({ metering: { note: (answered) => void noted.push(answered) } });
  return Object.assign(edge, { noted });
}

const CALLS: [string, Record<string, unknown>][] = [
  ['chat/completions', chat({ model: MODEL, max_tokens: 5 })],
  ['chat/completions', chat({ max_tokens: 5, n: 3 })],
  ['completions', { prompt: 'Hello', max_tokens: 5 }],
];

test.each(CALLS)('a stream of %s %j is noted as vLLM counted it', async (route, body) => {
  await using edge = await startCounting();
  await using _vllm = await serveFakeVllm(edge);
  const ask = async (json: unknown) => (await edge.ask(`/v1/${route}`, { json })).text();
  const { usage } = JSON.parse(await ask(body));
  const text = await ask({ ...body, stream: true });
  expect(edge.noted).toMatchObject([
    {},
    { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens },
  ]);
  expect(text).toMatch(/data: \[DONE\]\n\n$/);
  expect(text).not.toMatch(/"choices":\[\]|"usage":\{/);
});

test('an image in a stream is not counted by its bytes', async () => {
  await using edge = await startCounting();
  await using _vllm = await serveFakeVllm(edge, { model: 'Qwen/Qwen2.5-VL-7B-Instruct' });
  const url = `data:image/png;base64,${'A'.repeat(1_000_000)}`;
  const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
  await (await edge.ask('/v1/chat/completions', { json: chat({ messages, stream: true }) })).text();
  expect(edge.noted[0]?.promptTokens).toBeLessThan(1_000);
});

test('a call that was required is streamed with its name once, and not with none after it', async () => {
  await using edge = await startCounting();
  await using _vllm = await serveFakeVllm(edge);
  const tools = [
    {
      type: 'function',
      function: { name: 'rent', parameters: { properties: { note: { const: '"name":null' } } } },
    },
  ];
  const json = chat({ tools, tool_choice: 'required', stream: true, max_tokens: 100 });
  const text = await (await edge.ask('/v1/chat/completions', { json })).text();
  expect(text).toContain('"function":{"arguments":');
  expect(text.match(/"name":"rent"/g)).toHaveLength(1);
  expect(text).not.toMatch(/"name":null,/);
});

test('who asks for the usage gets it', async () => {
  await using edge = await startCounting();
  await using _vllm = await serveFakeVllm(edge);
  const json = chat({ stream: true, stream_options: { include_usage: true } });
  expect(await (await edge.ask('/v1/chat/completions', { json })).text()).toMatch(
    /"choices":\[\],"usage":\{/,
  );
});

test('all else of the request stays as it came, and what already says something of it stays whole', async () => {
  await using edge = await startCounting();
  await using upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n');
  });
  const post = (body: string) =>
    edge.ask('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
  const plain = `{ "seed": 9007199254740993,"model":"${MODEL}","stream":true,"messages":[] }`;
  const told = `{"model":"${MODEL}","stream":true,"stream_options":{"include_usage":false},"messages":[]}`;
  await (await post(plain)).text();
  await (await post(told)).text();
  expect(upstream.received.map(({ body }) => body.toString())).toEqual([
    `{"stream_options":{"include_usage":true}, "seed": 9007199254740993,"model":"${MODEL}","stream":true,"messages":[] }`,
    told,
  ]);
});

test('an event with usage that comes in one piece with others takes none of them along', async () => {
  await using edge = await startCounting();
  const chunk = (content: string) => `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`;
  const counted = 'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n';
  await using _upstream = await serveRaw(edge, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`${chunk('a')}${chunk('b')}${counted}data: [DONE]\n\n`);
  });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ stream: true }) });
  expect(await answer.text()).toBe(`${chunk('a')}${chunk('b')}data: [DONE]\n\n`);
  expect(edge.noted).toMatchObject([{ promptTokens: 7, completionTokens: 2 }]);
});
