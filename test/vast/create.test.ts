import { expect, test } from 'vitest';
import { MarketError } from '../../src/vast/client.ts';
import { aClient, anOrder, KEY } from './builders.ts';
import { aDeadUrl, anOddMarket } from './odd-market.ts';

test('a create sends the order as the market wants it, and never leaves a stopped instance behind', async () => {
  await using market = await anOddMarket({
    json: { success: true, new_contract: '8123', instance_api_key: 'k' },
  });
  await using vast = aClient(market.url);
  const result = await vast.createInstance(7001, anOrder({ environment: { A: 'b' } }));

  expect(result).toEqual({ kind: 'created', instanceId: 8123, usdPerHour: null });
  expect(market.received).toMatchObject([{ method: 'PUT', path: '/api/v0/asks/7001/' }]);
  expect(market.received[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(market.received[0]?.body).toEqual({
    client_id: 'me',
    image: 'vllm/vllm-openai:v0.11.0',
    disk: 40,
    label: 'leash.abcdefghij.default.klmnopqrst.1.x1800000000',
    env: { A: 'b', '-p 8000:8000': '1' },
    onstart: 'vllm serve',
    runtype: 'ssh_proxy',
    target_state: 'running',
    cancel_unavail: true,
  });
});

test('a bid and a registry login are sent when they are ordered', async () => {
  await using market = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using vast = aClient(market.url);
  await vast.createInstance(
    7001,
    anOrder({ priceUsdPerHour: 0.25, imageLogin: '-u me -p verysecret docker.io' }),
  );
  expect(market.received[0]?.body).toMatchObject({
    price: 0.25,
    image_login: '-u me -p verysecret docker.io',
  });
});

test('a create whose reply is lost is unknown, and exactly one PUT was sent', async () => {
  await using market = await anOddMarket('lost');
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'unknown' });
  expect(market.received).toHaveLength(1);
});

test('a create that is not answered in time is unknown, and exactly one PUT was sent', async () => {
  await using market = await anOddMarket('silent');
  await using vast = aClient(market.url, { timeoutMs: 200 });
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'unknown' });
  expect(market.received).toHaveLength(1);
});

test.each([500, 502, 503, 504, 408])(
  'a create answered with %i is unknown, and exactly one PUT was sent',
  async (status) => {
    await using market = await anOddMarket({ status, text: 'bad gateway' });
    await using vast = aClient(market.url);
    expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'unknown' });
    expect(market.received).toHaveLength(1);
  },
);

test('a create answered with something else than JSON is unknown', async () => {
  await using market = await anOddMarket({ text: '<html>welcome</html>' });
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'unknown' });
});

test('a success that names no contract is unknown', async () => {
  await using market = await anOddMarket({ json: { success: true } });
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'unknown' });
});

test.each([
  ['a refused bid', 400, { success: false, error: 'invalid_price', msg: 'Bid too low', new_contract: 8124 }],
  ['a refusal with status 200', 200, { success: false, new_contract: '8124' }],
  ['a server error', 500, { error: 'server_error', new_contract: 8124 }],
])('%s that carries a contract created an instance', async (_name, status, json) => {
  await using market = await anOddMarket({ status, json });
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'created', instanceId: 8124 });
});

test('a refusal whose contract cannot be read is unknown', async () => {
  await using market = await anOddMarket({ status: 400, json: { success: false, new_contract: 'C.8124' } });
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'unknown' });
});

test.each([
  [
    'an offer that is gone',
    410,
    { success: false, error: 'no_such_ask', msg: 'no longer available' },
    'no_such_ask',
  ],
  [
    'an offer that is gone, called bad arguments',
    404,
    {
      success: false,
      error: 'invalid_args',
      msg: 'error 404/3603: no_such_ask Instance type by id 7001 is not available.',
    },
    'no_such_ask',
  ],
  [
    'a lack of credit',
    400,
    { success: false, error: 'insufficient_credit', msg: 'lacks credit' },
    'insufficient_credit',
  ],
  [
    'a lack of credit with status 200 and no code',
    200,
    { success: false, msg: 'Your account lacks credit; see the billing page.' },
    'insufficient_credit',
  ],
  ['a bad key', 404, { success: false, error: 'auth_error', msg: 'Invalid user key' }, 'auth_error'],
  ['bad arguments', 400, { detail: [{ loc: ['disk'], msg: 'too small' }] }, 'http-400'],
])('%s is a refusal that names its cause', async (_name, status, json, code) => {
  await using market = await anOddMarket({ status, json });
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'refused', code });
  expect(market.received).toHaveLength(1);
});

test('a create that came too often is sent again, since it created nothing', async () => {
  await using market = await anOddMarket(
    { status: 429, text: 'API requests too frequent: endpoint threshold=4.5*1.0' },
    { json: { success: true, new_contract: 8125 } },
  );
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'created', instanceId: 8125 });
  expect(market.received).toHaveLength(2);
});

test('a create that comes too often until its deadline is refused', async () => {
  await using market = await anOddMarket({
    status: 429,
    text: 'API requests too frequent',
    headers: { 'retry-after': '60' },
  });
  await using vast = aClient(market.url);
  const result = await vast.createInstance(7001, anOrder(), { deadlineMs: Date.now() + 5_000 });
  expect(result).toMatchObject({ kind: 'refused', code: 'http-429' });
  expect(market.received).toHaveLength(1);
});

test('nothing is sent once the deadline of a create has passed', async () => {
  await using market = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using vast = aClient(market.url);
  const result = await vast.createInstance(7001, anOrder(), { deadlineMs: Date.now() - 1 });
  expect(result).toMatchObject({ kind: 'refused', code: 'deadline' });
  expect(market.received).toHaveLength(0);
});

test('nothing is sent when the deadline passes while the grant is spent', async () => {
  await using market = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using vast = aClient(market.url);
  const deadlineMs = Date.now() + 200;
  const beforeSend = async () => {
    await expect.poll(() => Date.now(), { timeout: 5_000 }).toBeGreaterThan(deadlineMs);
  };
  const result = await vast.createInstance(7001, anOrder(), { deadlineMs, beforeSend });
  expect(result).toMatchObject({ kind: 'refused', code: 'deadline' });
  expect(market.received).toHaveLength(0);
});

test('nothing is sent when the grant is refused, and the grant is spent once however often the PUT is sent', async () => {
  await using market = await anOddMarket(
    { status: 429, text: 'too frequent' },
    { json: { success: true, new_contract: 1 } },
  );
  await using vast = aClient(market.url);
  const beforeSend = () => Promise.reject(new Error('spent already'));
  await expect(vast.createInstance(7001, anOrder(), { beforeSend })).rejects.toThrow('spent already');
  expect(market.received).toHaveLength(0);

  let spent = 0;
  await vast.createInstance(7001, anOrder(), {
    beforeSend: async () => {
      spent += 1;
    },
  });
  expect(spent).toBe(1);
  expect(market.received).toHaveLength(2);
});

test('a create cancelled in the queue is called off at once', async () => {
  await using market = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using vast = aClient(market.url, { rateScale: 100 });
  await vast.createInstance(7001, anOrder());
  const cancel = new AbortController();
  const queued = vast.createInstance(7002, anOrder(), {
    signal: cancel.signal,
    deadlineMs: Date.now() + 3_600_000,
  });
  cancel.abort();
  expect(await queued).toMatchObject({ kind: 'refused', code: 'cancelled' });
  expect(market.received).toHaveLength(1);
});

test('a grant that turns out to be spent is told as it is, even when the create is cancelled meanwhile', async () => {
  await using market = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using vast = aClient(market.url);
  const cancel = new AbortController();
  const beforeSend = async () => {
    cancel.abort();
    throw new Error('spent already');
  };
  const call = vast.createInstance(7001, anOrder(), { signal: cancel.signal, beforeSend });
  await expect(call).rejects.toThrow('spent already');
  expect(market.received).toHaveLength(0);
});

test('a create that was sent just before its deadline is awaited to the end', async () => {
  const deadlineMs = Date.now() + 300;
  await using market = await anOddMarket(async () => {
    await expect.poll(() => Date.now(), { timeout: 5_000 }).toBeGreaterThan(deadlineMs + 100);
    return { json: { success: true, new_contract: 8128 } };
  });
  await using vast = aClient(market.url);
  const result = await vast.createInstance(7001, anOrder(), { deadlineMs });
  expect(result).toMatchObject({ kind: 'created', instanceId: 8128 });
});

test('a create without a turn before its deadline is not sent', async () => {
  await using market = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using vast = aClient(market.url, { rateScale: 100 });
  await vast.createInstance(7001, anOrder());
  const result = await vast.createInstance(7002, anOrder(), { deadlineMs: Date.now() + 5_000 });
  expect(result).toMatchObject({ kind: 'refused', code: 'no-turn' });
  expect(market.received).toHaveLength(1);
});

test('a create that was sent is awaited even when it is cancelled', async () => {
  const cancel = new AbortController();
  await using market = await anOddMarket(() => {
    cancel.abort();
    return { json: { success: true, new_contract: 8126 } };
  });
  await using vast = aClient(market.url);
  const result = await vast.createInstance(7001, anOrder(), { signal: cancel.signal });
  expect(result).toMatchObject({ kind: 'created', instanceId: 8126 });
});

test('a create that finds no connection is certain not to have been sent', async () => {
  await using vast = aClient(await aDeadUrl());
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({
    kind: 'refused',
    code: 'not-connected',
  });
});

test('a create is not sent along a redirect', async () => {
  await using other = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using market = await anOddMarket({
    status: 308,
    text: '',
    headers: { location: `${other.url}/api/v0/asks/7001/` },
  });
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'unknown' });
  expect(other.received).toHaveLength(0);
});

test.each([
  ['a script that is too long', { onstart: 'x'.repeat(4_049) }],
  ['an environment that is too large', { environment: { A: 'x'.repeat(32_768) } }],
  ['a variable that docker would take for an option', { environment: { '-v /:/host': '1' } }],
  ['a label that is too long', { label: 'x'.repeat(257) }],
])('an order with %s is not sent', async (_name, order) => {
  await using market = await anOddMarket({ json: { success: true, new_contract: 1 } });
  await using vast = aClient(market.url);
  expect(await vast.createInstance(7001, anOrder(order))).toMatchObject({
    kind: 'refused',
    code: 'invalid_args',
  });
  expect(market.received).toHaveLength(0);
});

test('a refusal that quotes the order does not quote its secrets', async () => {
  await using market = await anOddMarket((received) => ({
    status: 400,
    json: {
      error: 'invalid_args',
      msg: `${received.headers.authorization} ${JSON.stringify(received.body)}`,
    },
  }));
  await using vast = aClient(market.url);
  const environment = { HF_TOKEN: 'hf_verysecret' };
  const order = anOrder({
    label: 'l',
    image: 'i',
    onstart: '',
    environment,
    imageLogin: '-u me -p verysecret docker.io',
  });
  const text = JSON.stringify(await vast.createInstance(7001, order));
  expect(text).toContain('[redacted]');
  expect(text).not.toContain(KEY);
  expect(text).not.toContain('verysecret');
});

test('a listener that fails does not cost the answer', async () => {
  await using market = await anOddMarket({ json: { success: true, new_contract: 8127 } });
  await using vast = aClient(market.url, {
    onCall: () => {
      throw new MarketError({ kind: 'refused', code: 'listener', message: 'listener' });
    },
  });
  expect(await vast.createInstance(7001, anOrder())).toMatchObject({ kind: 'created', instanceId: 8127 });
});
