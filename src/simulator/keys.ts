import { randomBytes } from 'node:crypto';

/**
 * A tree of what a key may do, as the service keeps it: an empty node grants all below it, any other only what it
 * names. `*` stands for every sibling that is not named; `constraints` bounds the parameters of one call.
 */
export type Rights = { readonly [name: string]: Rights };

/** A key of an account that is not its first: made at the Keys page, or by a call. */
export type ScopedKey = {
  readonly id: number;
  readonly accountId: number;
  readonly secret: string;
  readonly name: string | null;
  readonly rights: Rights;
};

/** What the service's pages call a category of permissions. */
export type Category =
  | 'misc'
  | 'instance_read'
  | 'instance_write'
  | 'user_read'
  | 'user_write'
  | 'billing_read'
  | 'billing_write';

/**
 * What an account's first key may do here: rent, look, and keep templates. The real service's default may do
 * everything; a market that is tried out gives a key as it should be.
 */
export const ORDINARY_RIGHTS: Rights = {
  api: {
    misc: {},
    instance_read: {},
    instance_write: {},
    user_read: {},
    billing_read: {},
    user_write: { 'api.templates.create': {}, 'api.templates.update': {}, 'api.templates.delete': {} },
  },
};

/** Whether a call of this scope and category may be made with these rights. */
export function mayCall(rights: Rights, { category, scope }: { category: Category; scope: string }): boolean {
  let node: Rights | undefined = rights;
  for (const name of ['api', category, scope]) {
    if (Object.keys(node).length === 0) return true;
    node = Object.hasOwn(node, name) ? node[name] : node['*'];
    if (node === undefined) return false;
  }
  return true;
}

/** Whether every grant of `asked` is one of `held`: no key makes one that may do more than itself. */
export function includes(held: Rights, asked: Rights): boolean {
  if (Object.keys(held).length === 0) return true;
  const names = Object.keys(asked);
  return (
    names.length > 0 &&
    names.every((name) => {
      const [mine, theirs] = [Object.hasOwn(held, name) ? held[name] : held['*'], asked[name]];
      return mine !== undefined && theirs !== undefined && includes(mine, theirs);
    })
  );
}

/** Rights as they came from outside; null for anything but a tree of objects. */
export function readRights(value: unknown, depth = 0): Rights | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > DEPTH_MAX) return null;
  const read: Record<string, Rights> = {};
  for (const [name, below] of Object.entries(value)) {
    const node = name === 'constraints' ? {} : readRights(below, depth + 1);
    if (node === null) return null;
    read[name] = node;
  }
  return read;
}

const DEPTH_MAX = 6;

export function newSecret(): string {
  return randomBytes(32).toString('hex');
}
