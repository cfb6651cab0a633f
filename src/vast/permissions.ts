import { z } from 'zod';
import { id } from './wire-values.ts';

/**
 * What a key may do, by Vast's categories. `unstated`: the market does not say, which is not the same as "nothing".
 */
export type KeyRights =
  | {
      readonly kind: 'stated';
      /** Categories without which a session cannot run from launch to receipt. */
      readonly missing: readonly string[];
      /** What it may do beyond that with the account's money or its keys, each with its category. */
      readonly broad: readonly string[];
    }
  | { readonly kind: 'unstated'; readonly why: string };

/** All that our calls need; `deploy/vast-permissions.json` grants these and nothing else. */
export const NEEDED_CATEGORIES = [
  'misc',
  'instance_read',
  'instance_write',
  'user_read',
  'billing_read',
] as const;

/**
 * Categories that move money, or make something that can. Of `user_write` the calls on templates do neither:
 * `leash pyworker deploy` makes one.
 */
const BROAD_CATEGORIES = [
  { category: 'billing_write', power: 'transfer credit', isHarmless: () => false },
  {
    category: 'user_write',
    power: 'make keys and teams',
    isHarmless: (route: string) => /^api\.templates?\./.test(route),
  },
  { category: 'team_write', power: 'give people and keys roles', isHarmless: () => false },
] as const;

/** The id of the key that asked for the account; null where the answer does not say. */
export function toKeyId(account: unknown): number | null {
  const parsed = z.object({ key_id: id }).safeParse(account);
  return parsed.success ? parsed.data.key_id : null;
}

/** The rights of one key out of the list of them. */
export function toKeyRights(list: unknown, keyId: number): KeyRights {
  const rows = z.object({ apikeys: z.array(z.unknown()) }).safeParse(list);
  const row = rows.data?.apikeys
    .map((each) => KeyRow.safeParse(each).data)
    .find((each) => each?.id === keyId);
  if (row === undefined) return { kind: 'unstated', why: 'the list of keys does not have the one in use' };
  const tree = readTree(row.rights) ?? readTree(row.permissions);
  if (tree === null) return { kind: 'unstated', why: 'the list of keys says nothing we know of its rights' };
  return { kind: 'stated', ...judge(tree) };
}

const KeyRow = z.object({ id, rights: z.unknown().optional(), permissions: z.unknown().optional() });

type Tree = Readonly<Record<string, unknown>>;

function judge(rights: Tree): { missing: string[]; broad: string[] } {
  const categories = childrenOf(rights, 'api');
  const granted = (category: string) => categories !== null && childrenOf(categories, category) !== null;
  const broad = BROAD_CATEGORIES.filter(({ category, isHarmless }) => {
    const routes = categories === null ? null : childrenOf(categories, category);
    if (routes === null) return false;
    const names = Object.keys(routes);
    return names.length === 0 || !names.every(isHarmless);
  });
  return {
    missing: NEEDED_CATEGORIES.filter((category) => !granted(category)),
    broad: broad.map(({ category, power }) => `${power} (${category})`),
  };
}

/** What is granted below a name: an empty object grants everything below it, a missing name nothing. */
function childrenOf(tree: Tree, name: string): Tree | null {
  if (Object.keys(tree).length === 0) return {};
  const below = Object.hasOwn(tree, name) ? tree[name] : tree['*'];
  return asTree(below);
}

/** As an object, or as the JSON of one. Words such as `read` are none of Vast's categories, and judge nothing. */
function readTree(value: unknown): Tree | null {
  if (typeof value !== 'string') return asRights(value);
  try {
    return asRights(JSON.parse(value));
  } catch {
    return null;
  }
}

/** A tree that begins as every one does: empty, or with `api`. */
function asRights(value: unknown): Tree | null {
  const tree = asTree(value);
  return tree !== null && (Object.keys(tree).length === 0 || childrenOf(tree, 'api') !== null) ? tree : null;
}

function asTree(value: unknown): Tree | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : null;
}
