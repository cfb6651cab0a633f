import { afterEach, expect, test } from 'vitest';
import {
  type FakeVllm,
  type FakeVllmOptions,
  startFakeVllm,
} from '../../../src/simulator/serving/fake-vllm.ts';
import { KEY } from './an-order.ts';
import { aChat, events, post } from './calls.ts';
import { within } from './eventually.ts';
import { A_TOOL, named } from './tools.ts';

const started: FakeVllm[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((vllm) => vllm.stop()));
});

/** With the flags that `tool_choice: "auto"` takes. */
async function serve(changes: Partial<FakeVllmOptions> = {}): Promise<string> {
  const vllm = startFakeVllm({
    host: '127.0.0.1',
    port: 0,
    model: 'Qwen/Qwen2.5-7B-Instruct',
    apiKeys: [KEY],
    tokenDelayMs: 0,
    flags: { 'enable-auto-tool-choice': true, 'tool-call-parser': 'hermes' },
    ...changes,
  });
  started.push(vllm);
  await within('the server is ready', vllm.ready);
  return `http://127.0.0.1:${vllm.port()}/v1`;
}

const choicesOf = async (url: string, body: Record<string, unknown>) => {
  const answer = await post(`${url}/chat/completions`, aChat(body));
  expect(answer.status, answer.text).toBe(200);
  return answer.json().choices as { message: Record<string, unknown> }[];
};
const OTHER = {
  type: 'function',
  function: { name: 'stop', parameters: { type: 'object', properties: {} } },
};
const called = (name: string) => ({ type: 'function', function: { name } });

test.each([
  ['required', { tool_choice: 'required' }, 'tool_calls'],
  ['asked for by its name', { tool_choice: named('rent') }, 'stop'],
  ['named in the words', { messages: [{ role: 'user', content: 'Call rent.' }] }, 'tool_calls'],
])('a tool that is %s is called with arguments that fit its schema', async (_how, more, finish_reason) => {
  const [choice] = await choicesOf(await serve(), { tools: [A_TOOL], ...more });
  expect(choice).toMatchObject({
    finish_reason,
    message: {
      content: '',
      tool_calls: [{ function: { name: 'rent', arguments: '{"hours":1,"gpu":"RTX 4090"}' } }],
    },
  });
});

test('words that name no tool are answered in words, and so is what a tool said', async () => {
  const url = await serve();
  const messages = [
    { role: 'user', content: 'Call rent.' },
    { role: 'tool', tool_call_id: 'a', content: 'rent: done' },
  ];
  for (const more of [
    { tool_choice: 'auto', messages: [{ role: 'user', content: 'Hello' }] },
    { messages },
  ]) {
    const [choice] = await choicesOf(url, { tools: [A_TOOL], ...more });
    expect(choice).toMatchObject({ finish_reason: 'stop', message: { tool_calls: [] } });
  }
});

test('two tools that the words name are called at once, or one where only one may be', async () => {
  const url = await serve();
  const asked = { tools: [A_TOOL, OTHER], messages: [{ role: 'user', content: 'First rent, then stop.' }] };
  const [both] = await choicesOf(url, asked);
  expect(both?.message.tool_calls).toMatchObject([called('rent'), called('stop')]);
  const [one] = await choicesOf(url, { ...asked, parallel_tool_calls: false });
  expect(one?.message.tool_calls).toMatchObject([called('rent')]);
});

test('calls are streamed one after the other, each with its name first', async () => {
  const url = await serve();
  const content = 'First rent, then stop.';
  const body = aChat({ tools: [A_TOOL, OTHER], messages: [{ role: 'user', content }], stream: true });
  const parts = events((await post(`${url}/chat/completions`, body)).text)
    .filter((data) => data !== '[DONE]')
    .flatMap((data) => JSON.parse(data).choices[0]?.delta.tool_calls ?? []);
  const names = parts.map(({ index, function: { name } }) => [index, name ?? null]);
  expect(names.filter(([, name]) => name !== null)).toEqual([
    [0, 'rent'],
    [1, 'stop'],
  ]);
  const written = (wanted: number) =>
    parts
      .filter(({ index }) => index === wanted)
      .map(({ function: { arguments: part } }) => part)
      .join('');
  expect([written(0), written(1)]).toEqual(['{"hours":1,"gpu":"RTX 4090"}', '{}']);
});

test('the later parts of a call that was required say that they have no name', async () => {
  const url = await serve();
  const body = aChat({ tools: [A_TOOL], tool_choice: 'required', stream: true });
  const { text } = await post(`${url}/chat/completions`, body);
  expect(text.match(/"name":"rent"/g)).toHaveLength(1);
  expect(text).toContain('"function":{"name":null,"arguments":');
});

test('how likely each token was is told where it was asked for', async () => {
  const url = await serve();
  const [choice] = await choicesOf(url, { logprobs: true, top_logprobs: 2, max_tokens: 3 });
  const told = (choice as { logprobs?: { content: { token: string; top_logprobs: unknown[] }[] } }).logprobs;
  expect(told?.content.map(({ token }) => token).join('')).toBe(choice?.message.content);
  expect(told?.content.map((one) => one.top_logprobs.length)).toEqual([2, 2, 2]);
  const { choices } = (await post(`${url}/completions`, { prompt: 'a', max_tokens: 2, logprobs: 1 })).json();
  expect(choices).toMatchObject([
    { logprobs: { text_offset: [0, expect.any(Number)], tokens: expect.any(Array) } },
  ]);
});

test('a model with eyes takes an image', async () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,aa' } };
  const url = await serve({ model: 'Qwen/Qwen2.5-VL-7B-Instruct' });
  await choicesOf(url, { messages: [{ role: 'user', content: [image] }] });
});

test('a response is cut at its limit, and its stream ends with it whole', async () => {
  const url = await serve();
  const asked = { input: 'Should I rent a GPU?', max_output_tokens: 4 };
  const plain = (await post(`${url}/responses`, asked)).json();
  expect(plain).toMatchObject({
    object: 'response',
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    usage: { output_tokens: 4 },
  });
  const { text } = await post(`${url}/responses`, { ...asked, stream: true });
  const streamed = events(text).map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)));
  const deltas = streamed.filter(({ type }) => type === 'response.output_text.delta');
  const last = streamed.at(-1);
  expect([last.type, last.sequence_number]).toEqual(['response.completed', streamed.length - 1]);
  expect(last.response.output[0].content[0].text).toBe(deltas.map(({ delta }) => delta).join(''));
});
