import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NEEDED_CATEGORIES, toKeyId, toKeyRights } from '../../src/vast/permissions.ts';
import { aClient } from './builders.ts';
import { anOddMarket } from './odd-market.ts';

const FILE = JSON.parse(
  readFileSync(new URL('../../deploy/vast-permissions.json', import.meta.url), 'utf8'),
) as { api: Record<string, object> };

function rightsOf(rights: unknown) {
  return toKeyRights(
    {
      apikeys: [
        { id: 4, rights: {} },
        { id: 5, rights },
      ],
    },
    5,
  );
}

test('the permissions we hand out are those that our calls need, and no more', () => {
  expect(rightsOf(FILE)).toEqual({ kind: 'stated', missing: [], broad: [] });
  for (const category of NEEDED_CATEGORIES) {
    const { [category]: _, ...rest } = FILE.api;
    expect(rightsOf({ api: rest })).toEqual({ kind: 'stated', missing: [category], broad: [] });
  }
  expect(Object.keys(FILE.api).sort()).toEqual([...NEEDED_CATEGORIES].sort());
});

describe('a key that may move money, or make a key that may, is seen as that', () => {
  const all = ['transfer credit (billing_write)', 'make keys and teams (user_write)'];
  const roles = 'give people and keys roles (team_write)';
  test.each<[string, unknown, string[]]>([
    ['an empty tree, which grants everything', {}, [...all, roles]],
    ['everything of the API', { api: {} }, [...all, roles]],
    ['everything by a wildcard', { api: { '*': {} } }, [...all, roles]],
    ['the tree as text', '{"api":{"billing_write":{}}}', [all[0] ?? '']],
    ['one call of billing alone', { api: { billing_write: { 'api.credit.transfer': {} } } }, [all[0] ?? '']],
    [
      'keys among templates',
      { api: { user_write: { 'api.templates.create': {}, 'api.keys.create': {} } } },
      [all[1] ?? ''],
    ],
    ['roles', { api: { team_write: {} } }, [roles]],
    ['templates alone, which move nothing', { api: { user_write: { 'api.templates.create': {} } } }, []],
    ['machines of a host, which cost nobody', { api: { machine_write: {} } }, []],
  ])('%s', (_what, rights, broad) => {
    expect(rightsOf(rights)).toMatchObject({ kind: 'stated', broad });
  });
});

test.each([
  ['a word of another vocabulary', 'read'],
  ['nothing', null],
  ['a list', ['api']],
  ['a tree of something else', { manage_instances: true }],
])('%s states no rights, so nothing is concluded', (_what, rights) => {
  expect(rightsOf(rights)).toMatchObject({ kind: 'unstated' });
});

test('a key that is not in the list, or that nobody names, states nothing', () => {
  expect(toKeyRights({ apikeys: [{ id: 4, rights: {} }] }, 5)).toMatchObject({ kind: 'unstated' });
  expect(toKeyRights([], 5)).toMatchObject({ kind: 'unstated' });
  expect(toKeyId({ id: 1, credit: 5 })).toBeNull();
  expect(toKeyId({ key_id: '77' })).toBe(77);
});

test('where the account does not name the key in use, its keys are not asked for', async () => {
  await using market = await anOddMarket({ json: { id: 3, credit: 5 } });
  await using vast = aClient(market.url);
  expect(await vast.readKeyRights()).toMatchObject({ kind: 'unstated' });
  expect(market.received.map(({ path }) => path)).toEqual(['/api/v0/users/current']);
});
