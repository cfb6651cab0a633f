import { expect, test } from 'vitest';
import { aClient, aWireInstance } from './builders.ts';
import { aDeadUrl, anOddMarket } from './odd-market.ts';

const AUTH_ERROR = { success: false, error: 'auth_error', msg: 'Invalid user key' };
const UNKNOWN_ID = { success: false, error: 'no_such_instance', msg: 'Instance 501 not found.' };

test('an instance is shown by its id', async () => {
  await using market = await anOddMarket({ json: { instances: aWireInstance() } });
  await using vast = aClient(market.url);
  expect(await vast.showInstance(501)).toMatchObject({
    kind: 'found',
    instance: { instanceId: 501, usdPerHour: 0.408 },
  });
  expect(market.received).toMatchObject([{ method: 'GET', path: '/api/v0/instances/501/' }]);
  expect(market.received[0]?.query.get('owner')).toBe('me');
});

test.each([
  ['shown as null', 200, { instances: null }],
  ['unknown', 404, UNKNOWN_ID],
  ['unknown with status 200', 200, UNKNOWN_ID],
  ['not found', 404, { msg: 'Instance 501 not found.' }],
])('an instance that is %s is gone', async (_name, status, json) => {
  await using market = await anOddMarket({ status, json });
  await using vast = aClient(market.url);
  expect(await vast.showInstance(501)).toEqual({ kind: 'gone' });
});

test.each([
  ['a bad key', 404, AUTH_ERROR, 'auth'],
  ['a bad key without its code', 404, { success: false, msg: 'Invalid user key' }, 'auth'],
  ['no key', 403, { success: false, error: 'auth_error', msg: 'This action requires login.' }, 'auth'],
  ['a key without the right', 401, { msg: 'missing api.instance.show' }, 'auth'],
  ['a path that is unknown', 404, { detail: 'Not Found' }, 'refused'],
  ['null beside a refusal', 200, { success: false, instances: null }, 'refused'],
  ['a list', 200, { instances: [] }, 'bad-answer'],
  ['nothing', 200, {}, 'bad-answer'],
  ['another instance', 200, { instances: aWireInstance({ id: 502 }) }, 'bad-answer'],
])('%s instead of an instance is never "gone"', async (_name, status, json, kind) => {
  await using market = await anOddMarket({ status, json });
  await using vast = aClient(market.url);
  await expect(vast.showInstance(501)).rejects.toMatchObject({ kind, status });
});

test('an outage that says "no such instance" is not "gone"', async () => {
  await using market = await anOddMarket({ status: 500, json: UNKNOWN_ID });
  await using vast = aClient(market.url);
  await expect(vast.showInstance(501, { deadlineMs: Date.now() + 300 })).rejects.toMatchObject({
    kind: 'server-error',
  });
});

test.each([
  ['accepted', 200, { success: true }, { kind: 'accepted' }],
  ['accepted without a word', 200, {}, { kind: 'accepted' }],
  ['an unknown id', 404, UNKNOWN_ID, { kind: 'gone' }],
  ['an unknown id with status 200', 200, UNKNOWN_ID, { kind: 'gone' }],
  ['refused with status 200', 200, { success: false, error: 'busy' }, { kind: 'refused' }],
])('a destroy that is %s', async (_name, status, json, result) => {
  await using market = await anOddMarket({ status, json });
  await using vast = aClient(market.url);
  expect(await vast.destroyInstance(501)).toMatchObject(result);
  expect(market.received).toMatchObject([{ method: 'DELETE', path: '/api/v0/instances/501/', body: {} }]);
});

test('a destroy with a bad key is not "gone"', async () => {
  await using market = await anOddMarket({ status: 404, json: AUTH_ERROR });
  await using vast = aClient(market.url);
  await expect(vast.destroyInstance(501)).rejects.toMatchObject({ kind: 'auth' });
});

test('a destroy answered with a web page is not accepted', async () => {
  await using market = await anOddMarket({ text: '<html>maintenance</html>' });
  await using vast = aClient(market.url);
  await expect(vast.destroyInstance(501, { deadlineMs: Date.now() + 300 })).rejects.toMatchObject({
    kind: 'bad-answer',
  });
});

test('a destroy is sent again after 429, 5xx and a lost reply', async () => {
  await using market = await anOddMarket(
    { status: 429, text: 'API requests too frequent: endpoint threshold=3.0*1.0' },
    { status: 503, text: 'unavailable' },
    'lost',
    { json: { success: true } },
  );
  await using vast = aClient(market.url);
  expect(await vast.destroyInstance(501)).toEqual({ kind: 'accepted' });
  expect(market.received).toHaveLength(4);
});

test('many are destroyed in requests of 64, and one refusal is told', async () => {
  await using market = await anOddMarket(
    { json: { success: true } },
    { json: { success: false, error: 'busy' } },
  );
  await using vast = aClient(market.url);
  const ids = Array.from({ length: 65 }, (_, at) => at + 1);
  expect(await vast.destroyInstances(ids)).toMatchObject({ kind: 'refused' });
  const asked = market.received.map(({ body }) => (body as { instance_ids: number[] }).instance_ids);
  expect(asked.map(({ length }) => length).sort()).toEqual([1, 64]);
  expect(asked.flat().sort((a, b) => a - b)).toEqual(ids);
  expect(market.received).toMatchObject([{ method: 'DELETE', path: '/api/v0/instances/' }, {}]);
});

test('the rest of many is destroyed though one request fails', async () => {
  await using market = await anOddMarket({ status: 401, json: { msg: 'no' } }, { json: { success: true } });
  await using vast = aClient(market.url);
  const ids = Array.from({ length: 100 }, (_, at) => at + 1);
  await expect(vast.destroyInstances(ids)).rejects.toMatchObject({ kind: 'auth' });
  expect(market.received).toHaveLength(2);
});

test('a start that the market queues is refused, as it may bill later', async () => {
  const queued = {
    success: false,
    error: 'resources_unavailable',
    msg: 'Required resources are currently unavailable, state change queued.',
  };
  await using market = await anOddMarket({ json: queued });
  await using vast = aClient(market.url);
  const result = await vast.startInstance(501);
  expect(result).toMatchObject({ kind: 'refused', message: expect.stringContaining('state change queued') });
  expect(market.received).toMatchObject([
    { method: 'PUT', path: '/api/v0/instances/501/', body: { state: 'running' } },
  ]);
});

test('an instance is stopped and labelled', async () => {
  await using market = await anOddMarket({ json: { success: true } });
  await using vast = aClient(market.url);
  expect(await vast.stopInstance(501)).toEqual({ kind: 'accepted' });
  expect(await vast.labelInstance(501, 'ours')).toEqual({ kind: 'accepted' });
  expect(market.received.map(({ body }) => body)).toEqual([{ state: 'stopped' }, { label: 'ours' }]);
});

test('a market that cannot be reached is not "gone"', async () => {
  await using vast = aClient(await aDeadUrl());
  const deadlineMs = Date.now() + 300;
  await expect(vast.showInstance(501, { deadlineMs })).rejects.toMatchObject({
    kind: 'unreachable',
    status: null,
  });
});
