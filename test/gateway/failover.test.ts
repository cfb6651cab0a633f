import { expect, test } from 'vitest';
import { providersAnswer } from '../../src/admin/answers.ts';
import { type HttpEdge, startHttpEdge } from '../support/http-edge.ts';
import {
  answers,
  completion,
  endJson,
  eventOf,
  FAILURES,
  startProvider,
  type TestProvider,
} from '../support/providers.ts';
import { chat, serveRaw, until } from './upstreams.ts';

const DEADLINES = { connectMs: 2_000, firstEventMs: 400, headersMs: 400, betweenChunksMs: 400 };

/** A gateway over these providers, asked in this order. */
async function startOver(
  providers: Readonly<Record<string, TestProvider>>,
  settings: Record<string, string> = {},
): Promise<HttpEdge> {
  const list = Object.entries(providers).map(([name, { url }]) => ({
    name,
    url,
    models: ['m'],
    api_key_env: 'KEY_OF_TESTS',
  }));
  return startHttpEdge({
    deadlines: DEADLINES,
    environment: { KEY_OF_TESTS: 'sk-of-the-provider' },
    settings: {
      GATEWAY_PROVIDERS: JSON.stringify(list),
      GATEWAY_ORDER: Object.keys(providers).join(','),
      ...settings,
    },
  });
}

const ask = (edge: HttpEdge, more: Record<string, unknown> = {}) =>
  edge.ask('/v1/chat/completions', { json: chat(more) });

async function textOf(answer: Response): Promise<string> {
  const body = await answer.text();
  if (!/^text\/event-stream/.test(answer.headers.get('content-type') ?? '')) {
    return JSON.parse(body).choices[0].message.content;
  }
  expect(body).toMatch(/data: \[DONE\]\n\n$/);
  return body
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)).choices[0].delta.content ?? '')
    .join('');
}

const FORMS = [
  ['an answer', {}],
  ['a stream', { stream: true }],
] as const;

const MATRIX = Object.keys(FAILURES).flatMap((failure) =>
  FORMS.map(([form, more]) => [form, failure, more] as const),
);

test.each(MATRIX)('%s of a provider that %s comes from the next one', async (_form, failure, more) => {
  const behaviour = FAILURES[failure];
  await using first = await startProvider('first', behaviour);
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  const answer = await ask(edge, more);
  expect(answer.status).toBe(200);
  expect(await textOf(answer)).toBe('second says hello');
  expect(answer.headers.get('x-leash-provider')).toBe('second');
  expect(answer.headers.get('x-leash-tried')).toBe('first, second');
  // A connection that broke is tried once more at the same place.
  expect(['2', '3']).toContain(answer.headers.get('x-leash-attempts'));
  expect(first.seen.length).toBeGreaterThan(0);
  expect(second.seen).toHaveLength(1);
});

test.each(FORMS)('%s of a provider that is gone comes from the next one', async (_form, more) => {
  await using first = await startProvider('first');
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  await first.die();
  expect(await textOf(await ask(edge, more))).toBe('second says hello');
});

test.each([400, 404, 413, 415, 422])(
  'a request that is the caller’s own fault (%i) is answered, and tried nowhere else',
  async (status) => {
    const said = { error: { message: 'No.', type: 'BadRequestError', param: 'x', code: status } };
    await using first = await startProvider('first', (response) => endJson(response, status, said));
    await using second = await startProvider('second');
    await using edge = await startOver({ first, second });
    for (const [, more] of FORMS) {
      const answer = await ask(edge, more);
      expect(answer.status).toBe(status);
      expect(await answer.json()).toEqual(said);
      expect(answer.headers.get('x-leash-attempts')).toBe('1');
    }
    expect(second.seen).toEqual([]);
  },
);

test('a stream that begins with an error of the caller’s is passed on, and tried nowhere else', async () => {
  await using first = await startProvider('first', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end('data: {"error":{"message":"too long","code":400}}\n\ndata: [DONE]\n\n');
  });
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  expect(await (await ask(edge, { stream: true })).text()).toContain('too long');
  expect(second.seen).toEqual([]);
});

test('after the first event no other provider is tried: the stream ends with an error event', async () => {
  await using first = await startProvider('first', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(eventOf({ content: 'first' }), () => response.destroy());
  });
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  const body = await (await ask(edge, { stream: true })).text();
  expect(body).toContain('upstream_interrupted');
  expect(body).not.toContain('[DONE]');
  expect(second.seen).toEqual([]);
});

test('comments that keep a stream open before its first event do not bind the request to it', async () => {
  await using first = await startProvider('first', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': still thinking\n\n', () => response.destroy());
  });
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  expect(await textOf(await ask(edge, { stream: true }))).toBe('second says hello');
});

test('when every provider fails the caller gets the last one’s own error', async () => {
  const said = { error: { message: 'CUDA out of memory', type: 'server_error', param: null, code: 500 } };
  await using first = await startProvider('first', FAILURES['breaks off']);
  await using second = await startProvider('second', (response) => endJson(response, 500, said));
  await using edge = await startOver({ first, second });
  const answer = await ask(edge);
  expect(answer.status).toBe(500);
  expect(await answer.json()).toEqual(said);
  expect(answer.headers.get('x-leash-tried')).toBe('first, second');
});

test('no more places are asked than GATEWAY_MAX_ATTEMPTS says', async () => {
  await using first = await startProvider('first', FAILURES['answers 500']);
  await using second = await startProvider('second', FAILURES['answers 500']);
  await using third = await startProvider('third');
  await using edge = await startOver({ first, second, third }, { GATEWAY_MAX_ATTEMPTS: '2' });
  expect((await ask(edge)).status).toBe(500);
  expect(third.seen).toEqual([]);
});

test('a provider that fails again and again is left alone, and tried by one request when it has rested', async () => {
  await using first = await startProvider('first', FAILURES['answers 500']);
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second }, { GATEWAY_BREAKER_OPEN_SECONDS: '0.5' });
  for (let request = 0; request < 6; request += 1) expect(await textOf(await ask(edge))).toContain('second');
  expect(first.seen).toHaveLength(3);

  const open: (() => void)[] = [];
  first.behave((response) => void open.push(() => endJson(response, 200, completion('first'))));
  await until(async () => (await breakerOf(edge, 'first')) === 'half-open', 'it may be tried again');
  const probe = ask(edge);
  await until(() => first.seen.length === 4, 'one request tries it');
  for (let request = 0; request < 3; request += 1) expect(await textOf(await ask(edge))).toContain('second');
  expect(first.seen).toHaveLength(4);
  for (const end of open) end();
  expect(await textOf(await probe)).toBe('first says hello');
  first.behave(answers('first'));
  expect(await textOf(await ask(edge))).toBe('first says hello');
  expect(await breakerOf(edge, 'first')).toBe('closed');
});

test('a provider that asks for time with Retry-After gets it, from every request', async () => {
  await using first = await startProvider('first', FAILURES['answers 429']);
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  for (let request = 0; request < 3; request += 1) expect(await textOf(await ask(edge))).toContain('second');
  expect(first.seen).toHaveLength(1);
  await second.die();
  for (let request = 0; request < 4; request += 1) await (await ask(edge)).text();
  const answer = await ask(edge);
  expect(answer.status).toBeGreaterThanOrEqual(502);
  expect(first.seen).toHaveLength(1);
});

test('the only provider is asked although its breaker is open: better a try than an outage of our own', async () => {
  await using only = await startProvider('only', FAILURES['answers 500']);
  await using edge = await startOver({ only });
  for (let request = 0; request < 4; request += 1) expect((await ask(edge)).status).toBe(500);
  expect(await breakerOf(edge, 'only')).toBe('open');
  only.behave(answers('only'));
  expect(await textOf(await ask(edge))).toBe('only says hello');
});

test('the key of a provider goes to it alone, and the caller’s key to nobody', async () => {
  await using first = await startProvider('first', FAILURES['answers 500']);
  await using second = await startProvider('second');
  await using edge = await startOver({ first, second });
  await ask(edge);
  for (const { seen } of [first, second]) {
    expect(seen[0]?.headers.authorization).toBe('Bearer sk-of-the-provider');
    expect(JSON.stringify(seen[0]?.headers)).not.toContain('a-token-for-tests');
  }
});

test('one request more than GATEWAY_MAX_CONCURRENT is 429, and the next is taken when one has ended', async () => {
  const open: (() => void)[] = [];
  await using only = await startProvider('only', (response) => {
    open.push(() => endJson(response, 200, completion('only')));
  });
  await using edge = await startHttpEdge({
    settings: {
      GATEWAY_MAX_CONCURRENT: '2',
      GATEWAY_PROVIDERS: JSON.stringify([{ name: 'only', url: only.url, models: ['m'] }]),
    },
  });
  const held = [ask(edge), ask(edge)];
  await until(() => only.seen.length === 2, 'two are under way');
  const refused = await ask(edge);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ error: { code: 'too_many_requests' } });
  for (const end of open.splice(0)) end();
  for (const answer of held) expect(await textOf(await answer)).toBe('only says hello');
  only.behave(answers('only'));
  expect((await ask(edge)).status).toBe(200);
});

test('a session that leaves takes no new request, and finishes what it has begun', async () => {
  const open: (() => void)[] = [];
  await using other = await startProvider('other');
  await using edge = await startOver({ other }, { GATEWAY_ORDER: 'vastai,other' });
  await using leaving = await serveRaw(edge, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(eventOf({ content: 'begun' }));
    open.push(() => response.end(`${eventOf({ content: ' and ended' })}data: [DONE]\n\n`));
  });
  const answer = await ask(edge, { stream: true });
  expect(answer.headers.get('x-leash-session')).toBe('default');
  edge.sessions.table.splice(0);
  expect(await textOf(await ask(edge))).toBe('other says hello');
  expect(leaving.received).toHaveLength(1);
  for (const end of open) end();
  expect(await textOf(answer)).toBe('begun and ended');
});

async function breakerOf(edge: HttpEdge, provider: string): Promise<string> {
  const { items } = providersAnswer.parse(await (await edge.ask('/api/admin/providers')).json());
  return items.find((item) => item.provider === provider)?.breaker ?? 'none';
}
