import { expect, test } from 'vitest';
import { aMarket, aRenter } from './renter.ts';

const NARROW = {
  api: { misc: {}, instance_read: {}, instance_write: {}, user_read: {}, billing_read: {} },
};

test('a key without a category is refused its calls, and told which route it lacks', async () => {
  await using market = await aMarket();
  const looker = aRenter(market.url, market.makeKey({ api: { instance_read: {} } }));
  expect((await looker.list()).status).toBe(200);
  const refused = await looker.call('POST', '/api/v0/bundles/', {});
  expect(refused).toMatchObject({ status: 401, json: { success: false } });
  expect(refused.json.msg).toContain('api.bundles.search');
});

test('a key that names single routes may make those calls and no other of the category', async () => {
  await using market = await aMarket();
  const key = market.makeKey({ api: { instance_read: { 'api.instances.index': {} } } });
  const renter = aRenter(market.url, key);
  expect((await renter.list()).status).toBe(200);
  expect((await renter.call('GET', '/api/v0/instances/1/')).status).toBe(401);
});

test('credit is moved by a key that may, and by no ordinary one', async () => {
  await using market = await aMarket();
  const other = aRenter(market.url, 'somebody-else');
  const { id } = (await other.call('GET', '/api/v0/users/current')).json;
  const transfer = { recipient: String(id), amount: 30 };
  const put = (key: string) =>
    aRenter(market.url, key).call('PUT', '/api/v0/commands/transfer_credit/', transfer);
  expect((await put(market.key)).status).toBe(401);
  expect((await put(market.makeKey(NARROW))).status).toBe(401);
  expect((await put(market.makeKey({ api: { billing_write: {} } }))).status).toBe(200);
  expect((await other.call('GET', '/api/v0/users/current')).json.credit).toBeCloseTo(130);
});

test('a key makes keys that may as much as itself, which are listed without their secrets', async () => {
  await using market = await aMarket();
  const maker = aRenter(market.url, market.makeKey({ api: { user_write: {}, user_read: {}, misc: {} } }));
  const make = (permissions: unknown) =>
    maker.call('POST', '/api/v0/auth/apikeys/', { name: 'made', permissions });
  expect((await make({ api: {} })).status).toBe(401);
  expect((await make({ api: { billing_write: {} } })).status).toBe(401);
  expect((await make('everything')).status).toBe(400);
  const made = (await make({ api: { misc: {} } })).json;
  expect((await aRenter(market.url, made.key).call('POST', '/api/v0/bundles/', {})).status).toBe(200);
  const listed = await maker.call('GET', '/api/v0/auth/apikeys/');
  expect(listed.text).not.toContain(made.key);
  expect(listed.json.apikeys).toContainEqual(
    expect.objectContaining({ id: made.id, name: 'made', key: null, rights: { api: { misc: {} } } }),
  );
  expect((await maker.call('DELETE', `/api/v0/auth/apikeys/${made.id}/`)).status).toBe(200);
});

test('the account names the key that asks, and what it may do is in the list', async () => {
  await using market = await aMarket();
  const renter = aRenter(market.url, market.makeKey(NARROW));
  const { key_id } = (await renter.call('GET', '/api/v0/users/current')).json;
  const { apikeys } = (await renter.call('GET', '/api/v0/auth/apikeys/')).json;
  expect(apikeys.find(({ id }: { id: number }) => id === key_id).rights).toEqual(NARROW);
});
