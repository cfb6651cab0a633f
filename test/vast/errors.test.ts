import { expect, test } from 'vitest';
import { type CallFacts, createVastClient, MarketError, type VastClient } from '../../src/vast/client.ts';
import { aClient, anOrder, aPage, aSearch, KEY } from './builders.ts';
import { aDeadUrl, anOddMarket, type Reply } from './odd-market.ts';

const EVERY_CALL: Record<string, (vast: VastClient, deadlineMs: number) => Promise<unknown>> = {
  search: (vast, deadlineMs) => vast.searchOffers(aSearch(), { deadlineMs }),
  create: (vast, deadlineMs) => vast.createInstance(1, anOrder(), { deadlineMs }),
  list: (vast, deadlineMs) => vast.listInstances({}, { deadlineMs }),
  show: (vast, deadlineMs) => vast.showInstance(1, { deadlineMs }),
  destroy: (vast, deadlineMs) => vast.destroyInstance(1, { deadlineMs }),
  'destroy many': (vast, deadlineMs) => vast.destroyInstances([1, 2], { deadlineMs }),
  label: (vast, deadlineMs) => vast.labelInstance(1, 'l', { deadlineMs }),
  start: (vast, deadlineMs) => vast.startInstance(1, { deadlineMs }),
  stop: (vast, deadlineMs) => vast.stopInstance(1, { deadlineMs }),
  logs: (vast, deadlineMs) => vast.readLogs(1, { tail: 10 }, { deadlineMs }),
  user: (vast, deadlineMs) => vast.currentUser({ deadlineMs }),
  charges: (vast, deadlineMs) => vast.listCharges({ fromMs: 0, toMs: 1 }, { deadlineMs }),
  invoices: (vast, deadlineMs) => vast.listInvoices({ fromMs: 0, toMs: 1 }, { deadlineMs }),
  volumes: (vast, deadlineMs) => vast.listVolumes({ deadlineMs }),
};
const calls = Object.entries(EVERY_CALL);

/** What a caller could log of a call: its value, or everything an error shows. */
async function everythingToldBy(call: Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await call) ?? '';
  } catch (error) {
    if (!(error instanceof MarketError)) throw error;
    return [
      error.message,
      error.stack,
      JSON.stringify(error),
      JSON.stringify(Object.getOwnPropertyDescriptors(error)),
    ].join();
  }
}

test.each(calls)(
  'the key is in no word of a failing %s, though the market quotes it',
  async (_name, send) => {
    const replies: Reply[] = [
      { status: 400, json: { success: false, error: `x-${KEY}`, msg: `key ${KEY} is wrong` } },
      { status: 404, text: `Bearer ${KEY}` },
      { status: 200, json: { success: false, detail: [{ input: KEY }] } },
      'lost',
    ];
    for (const reply of replies) {
      await using market = await anOddMarket(reply);
      const facts: CallFacts[] = [];
      await using vast = aClient(market.url, { onCall: (fact) => facts.push(fact) });
      const told = await everythingToldBy(send(vast, Date.now() + 200));
      expect(told).not.toBe('');
      expect(told).not.toContain(KEY);
      expect(facts).not.toHaveLength(0);
      expect(JSON.stringify(facts)).not.toContain(KEY);
    }
  },
);

test.each(calls)('a %s whose deadline has passed is not sent', async (_name, send) => {
  await using market = await anOddMarket({ json: {} });
  await using vast = aClient(market.url);
  await send(vast, Date.now() - 1).then(
    (value) => expect(value).toMatchObject({ kind: 'refused', code: 'deadline' }),
    (error) => expect(error).toMatchObject({ code: 'deadline' }),
  );
  expect(market.received).toHaveLength(0);
});

test.each(calls)('a %s that nobody answers comes to an end', async (name, send) => {
  await using market = await anOddMarket('silent');
  // A create is bounded by the time-out alone once it was sent, every other call by its deadline too.
  await using vast = aClient(market.url, { timeoutMs: name === 'create' ? 150 : 60_000 });
  await send(vast, Date.now() + 150).then(
    (value) => expect(value).toMatchObject({ kind: 'unknown' }),
    (error) => expect(error).toMatchObject({ kind: 'unreachable', status: null }),
  );
  expect(market.received.length).toBeGreaterThan(0);
});

test.each(calls)('a %s takes the key along no redirect', async (_name, send) => {
  await using other = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using market = await anOddMarket({ status: 307, text: '', headers: { location: other.url } });
  await using vast = aClient(market.url);
  await send(vast, Date.now() + 5_000).then(
    (value) => expect(value).toMatchObject({ kind: 'unknown' }),
    (error) => expect(error).toMatchObject({ kind: 'bad-answer', status: 307 }),
  );
  expect(market.received).toHaveLength(1);
  expect(other.received).toHaveLength(0);
});

test.each([
  [401, { text: '' }, 'auth', 'http-401'],
  [403, { json: { error: 'not_authorized', msg: 'Not yours' } }, 'refused', 'not_authorized'],
  [400, { json: { message: 'q.gpu_name: Input should be a valid dictionary' } }, 'refused', 'http-400'],
  [404, { text: '<html>\n<h1>nginx</h1>\n</html>' }, 'refused', 'http-404'],
] as const)('an answer of status %i is told by kind and code', async (status, body, kind, code) => {
  await using market = await anOddMarket({ status, ...body });
  await using vast = aClient(market.url);
  await expect(vast.listInstances()).rejects.toMatchObject({ kind, code, status });
  expect(market.received).toHaveLength(1);
});

test('an error names what was tried and what the market said, in one short line', async () => {
  await using market = await anOddMarket({
    status: 400,
    json: { error: 'Invalid_Request', msg: `no\n${'x'.repeat(5_000)}` },
  });
  await using vast = aClient(market.url);
  const error = await vast.listInstances().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: 'invalid_request',
    message: expect.stringMatching(
      /^Cannot list instances: Vast\.ai answered 400 \(invalid_request\): no x{190,197}…$/,
    ),
  });
});

test("the day's search quota is told with its reset, and not tried again", async () => {
  const resetSec = Math.floor(Date.now() / 1_000) + 3_600;
  await using market = await anOddMarket({
    status: 429,
    json: { success: false, error: 'search_quota_exceeded', msg: 'Daily quota' },
    headers: { 'x-ratelimit-reset': String(resetSec) },
  });
  await using vast = aClient(market.url);
  const error = await vast.searchOffers(aSearch()).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: 'search-quota', status: 429 });
  const { retryAfterMs } = error as MarketError;
  expect(retryAfterMs).toBeGreaterThan(3_590_000);
  expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
  expect(market.received).toHaveLength(1);
});

test.each([
  ['plain text', { text: 'API requests too frequent' }],
  ['a detail', { json: { detail: 'API requests too frequent endpoint threshold=1.0' } }],
  ['a code', { json: { success: false, error: 'rate_limit_exceeded', msg: 'slow down' } }],
])('a 429 in %s is waited out', async (_name, body) => {
  await using market = await anOddMarket({ status: 429, ...body }, aPage([]));
  const facts: CallFacts[] = [];
  await using vast = aClient(market.url, { onCall: (fact) => facts.push(fact) });
  expect(await vast.listInstances()).toEqual([]);
  expect(facts).toMatchObject([
    { call: 'list', outcome: 'too-many', status: 429 },
    { call: 'list', outcome: 'ok', status: 200 },
  ]);
  expect(facts[1]?.waitedMs).toBeGreaterThan(40);
});

test('a wait that is longer than the deadline is told at once, with what the market asked for', async () => {
  await using market = await anOddMarket({
    status: 429,
    text: 'too frequent',
    headers: { 'retry-after': '120' },
  });
  await using vast = aClient(market.url);
  const startedAt = performance.now();
  const call = vast.listInstances({}, { deadlineMs: Date.now() + 60_000 });
  await expect(call).rejects.toMatchObject({ kind: 'too-many', status: 429, retryAfterMs: 120_000 });
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test('an answer cut short is not taken for one', async () => {
  const headers = { 'content-length': '5000' };
  await using market = await anOddMarket({ json: { success: true }, headers }, { json: { success: true } });
  await using vast = aClient(market.url, { timeoutMs: 500 });
  expect(await vast.destroyInstance(501)).toEqual({ kind: 'accepted' });
  expect(market.received).toHaveLength(2);
});

test('an answer without end is not read to its end', async () => {
  await using market = await anOddMarket({ text: 'x'.repeat(17 * 1024 * 1024) });
  await using vast = aClient(market.url);
  await expect(vast.listInstances()).rejects.toMatchObject({ kind: 'bad-answer', code: 'too-large' });
});

test('a call that is cancelled under way throws the reason it was cancelled for', async () => {
  const cancel = new AbortController();
  await using market = await anOddMarket(() => {
    cancel.abort(new Error('cancelled by the owner'));
    return 'silent';
  });
  await using vast = aClient(market.url);
  await expect(vast.listInstances({}, { signal: cancel.signal })).rejects.toThrow('cancelled by the owner');
});

test('a market that cannot be reached is told by its address', async () => {
  const url = await aDeadUrl();
  await using vast = aClient(url);
  const call = vast.listInstances({}, { deadlineMs: Date.now() + 200 });
  await expect(call).rejects.toMatchObject({
    kind: 'unreachable',
    code: 'not-connected',
    message: expect.stringContaining(url),
  });
});

test.each(['', 'two\nlines', 'schlüssel'])(
  'a key that no header can carry is refused without being quoted',
  (apiKey) => {
    expect(() => createVastClient({ apiUrl: 'http://127.0.0.1:1', apiKey })).toThrow(
      /^The Vast.ai key is empty or has/,
    );
  },
);
