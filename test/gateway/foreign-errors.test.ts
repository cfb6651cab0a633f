import { expect, test } from 'vitest';
import { startHttpEdge } from '../support/http-edge.ts';
import { answers, type Behaviour, endJson, startProvider, type TestProvider } from '../support/providers.ts';
import { chat, serveFakeVllm } from './upstreams.ts';

const notFound: Behaviour = (response) => endJson(response, 404, { detail: 'Not Found' });

async function startOver(providers: Record<string, TestProvider>) {
  const list = Object.entries(providers).map(([name, { url }]) => ({ name, url, models: ['m'] }));
  return startHttpEdge({ settings: { GATEWAY_PROVIDERS: JSON.stringify(list) } });
}

test.each([404, 405])('a call that a provider does not have (%i) is made at the next one', async (status) => {
  await using first = await startProvider('first', (response) =>
    endJson(response, status, { detail: 'None' }),
  );
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: 'm' }) });
  expect([answer.status, answer.headers.get('x-leash-tried')]).toEqual([200, 'first, second']);
});

test('a call that nobody has is 404, and no breaker opens for it', async () => {
  await using first = await startProvider('first', notFound);
  await using edge = await startOver({ first });
  for (let count = 0; count < 20; count += 1) {
    const answer = await edge.ask('/v1/embeddings', { json: { model: 'm', input: 'a' } });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: { code: 'route_not_served', param: null } });
  }
  first.behave(answers('first'));
  expect((await edge.ask('/v1/chat/completions', { json: chat({ model: 'm' }) })).status).toBe(200);
  expect(first.seen).toHaveLength(21);
});

test('a session whose model does not embed says so', async () => {
  await using edge = await startHttpEdge();
  await using _vllm = await serveFakeVllm(edge);
  const answer = await edge.ask('/v1/embeddings', { json: { input: 'a' } });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ error: { code: 'route_not_served' } });
});

test('what one failed at is told, not what the other does not have', async () => {
  await using first = await startProvider('first', (response) =>
    endJson(response, 500, { error: { message: 'out of memory', type: 'x', param: null, code: null } }),
  );
  await using second = await startProvider('second', notFound);
  await using edge = await startOver({ first, second });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: 'm' }) });
  expect(answer.status).toBe(500);
  expect(await answer.text()).toContain('out of memory');
});

test('a page that stands where the provider stood is a failure, and the next one answers', async () => {
  await using first = await startProvider(
    'first',
    (response) =>
      void response.writeHead(404, { 'content-type': 'text/html' }).end('<html>No such app</html>'),
  );
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: 'm' }) });
  expect(await answer.text()).toContain('second says hello');
});

test.each([
  ['a detail', { detail: 'Too long' }, 'Too long'],
  ['a list of details', { detail: [{ msg: 'Field required' }] }, '[{"msg":"Field required"}]'],
  ['an error that is a word', { error: 'Too long' }, 'Too long'],
])('%s of a provider reaches the caller in OpenAI’s shape', async (_form, said, message) => {
  await using first = await startProvider('first', (response) => endJson(response, 422, said));
  await using edge = await startOver({ first });
  const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: 'm' }) });
  expect([answer.status, await answer.json()]).toEqual([
    422,
    { error: { message, type: 'invalid_request_error', param: null, code: 'invalid_request' } },
  ]);
});
