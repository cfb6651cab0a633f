import { expect, test } from 'vitest';
import { aClient, aPage, aWireInstance } from './builders.ts';
import { anOddMarket } from './odd-market.ts';

const rows = (...ids: number[]) => ids.map((id) => aWireInstance({ id }));

test('a list is read over all its pages', async () => {
  await using market = await anOddMarket(
    aPage(rows(1, 2), { total_instances: 3, next_token: 'two' }),
    aPage(rows(3), { total_instances: 3 }),
  );
  await using vast = aClient(market.url);
  expect((await vast.listInstances()).map(({ instanceId }) => instanceId)).toEqual([1, 2, 3]);
  expect(market.received).toMatchObject([{ path: '/api/v1/instances/' }, { path: '/api/v1/instances/' }]);
  expect(market.received.map(({ query }) => query.get('after_token'))).toEqual([null, 'two']);
});

test('a list of one label asks for it, and shows no stranger when the filter was not applied', async () => {
  await using market = await anOddMarket(
    aPage([aWireInstance({ id: 1, label: 'ours' }), aWireInstance({ id: 2, label: 'theirs' })]),
  );
  await using vast = aClient(market.url);
  expect(await vast.listInstances({ labels: ['ours'] })).toMatchObject([{ instanceId: 1 }]);
  expect(JSON.parse(market.received[0]?.query.get('select_filters') ?? '')).toEqual({
    label: { in: ['ours'] },
  });
});

test('a page that fails for good makes the whole list fail', async () => {
  await using market = await anOddMarket(aPage(rows(1), { total_instances: 2, next_token: 'two' }), {
    status: 400,
    json: { success: false, error: 'invalid_token' },
  });
  await using vast = aClient(market.url);
  await expect(vast.listInstances()).rejects.toMatchObject({
    kind: 'refused',
    code: 'invalid_token',
    status: 400,
  });
});

test('a page that fails once is asked for again', async () => {
  await using market = await anOddMarket(
    aPage(rows(1), { total_instances: 2, next_token: 'two' }),
    { status: 502, text: 'bad gateway' },
    aPage(rows(2), { total_instances: 2 }),
  );
  await using vast = aClient(market.url);
  expect(await vast.listInstances()).toMatchObject([{ instanceId: 1 }, { instanceId: 2 }]);
});

test('a list that omits a row once is read anew, and one that always does fails', async () => {
  await using market = await anOddMarket(
    aPage(rows(1), { total_instances: 2 }),
    aPage(rows(1, 2)),
    aPage(rows(1), { total_instances: 2 }),
  );
  await using vast = aClient(market.url);
  expect(await vast.listInstances()).toHaveLength(2);
  await expect(vast.listInstances()).rejects.toMatchObject({ kind: 'bad-answer' });
});

test('a list in which a row comes twice fails, as another may be missing', async () => {
  await using market = await anOddMarket(({ query }) =>
    query.has('after_token')
      ? aPage(rows(2, 3), { total_instances: 4 })
      : aPage(rows(1, 2), { total_instances: 4, next_token: 'two' }),
  );
  await using vast = aClient(market.url);
  await expect(vast.listInstances()).rejects.toMatchObject({ kind: 'bad-answer' });
});

test('a list that shrinks while it is read is still a list', async () => {
  await using market = await anOddMarket(
    aPage(rows(1, 2), { total_instances: 4, next_token: 'two' }),
    aPage(rows(4), { total_instances: 2 }),
  );
  await using vast = aClient(market.url);
  expect(await vast.listInstances()).toHaveLength(3);
});

test('pages that never end make the list fail', async () => {
  await using market = await anOddMarket(({ query }) =>
    aPage(rows(query.has('after_token') ? 2 : 1), { total_instances: 9, next_token: 'again' }),
  );
  await using vast = aClient(market.url);
  await expect(vast.listInstances()).rejects.toMatchObject({ kind: 'bad-answer' });
});

test.each([
  ['null', { success: true, instances: null }],
  ['missing', { success: true }],
  ['an object', { success: true, instances: {} }],
])('a list that is %s is a bad answer, never an empty list', async (_name, json) => {
  await using market = await anOddMarket({ json });
  await using vast = aClient(market.url);
  await expect(vast.listInstances()).rejects.toMatchObject({ kind: 'bad-answer' });
});

test('a row that names no instance makes the whole list fail', async () => {
  await using market = await anOddMarket(aPage([aWireInstance(), { label: 'leash.x', id: null }]));
  await using vast = aClient(market.url);
  await expect(vast.listInstances()).rejects.toMatchObject({ kind: 'bad-answer' });
});

test.each([
  ['the old list', 410, { success: false, error: 'deprecated_endpoint', msg: 'gone' }, 'refused'],
  [
    'a refusal with status 200',
    200,
    { success: false, error: 'server_error', instances: [] },
    'server-error',
  ],
  ['a bad key', 404, { success: false, error: 'auth_error', msg: 'Invalid user key' }, 'auth'],
])('%s is no empty list', async (_name, status, json, kind) => {
  await using market = await anOddMarket({ status, json });
  await using vast = aClient(market.url);
  await expect(vast.listInstances()).rejects.toMatchObject({ kind });
});
