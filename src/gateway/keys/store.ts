import { randomBytes } from 'node:crypto';
import type { Ask, Database, Row } from '../../archive/database.ts';
import type { KeyLimits, KeyRecord } from '../../domain/gateway-key.ts';
import { Problem } from '../../domain/problem.ts';
import { type Exchange, type Exchanged, exchange } from './exchange.ts';
import { KEY_SQL, KEYS_MAX } from './tables.ts';

/** A key with what a token is known by. */
export type StoredKey = KeyRecord & { readonly hash: string };

/** Keys of one installation in its archive's database, for one process. Every call has a deadline and may be repeated. */
export type KeyStore = {
  /** Another number whenever a key was made or revoked. */
  version(): Promise<number>;
  live(): Promise<StoredKey[]>;
  /** Those in use first, then revoked ones, newest first. */
  all(): Promise<KeyRecord[]>;
  /** conflict: the name is in use, or there are as many keys as there may be. */
  add(key: StoredKey): Promise<void>;
  /** By id or name; one that is revoked already stays as it is. Null: there is none. */
  revoke(idOrName: string, nowMs: number): Promise<KeyRecord | null>;
  noteUsed(uses: ReadonlyMap<string, number>): Promise<void>;
  /** Of the periods that begin at these moments, by key and beginning. */
  spending(periodsFromMs: readonly [number, number, number]): Promise<Spending[]>;
  /** Tells what was spent of a budget, gives back and takes from it. */
  exchange(order: Exchange): Promise<Exchanged>;
};

export type Spending = {
  readonly keyId: string;
  readonly periodFromMs: number;
  readonly spentNano: number;
  /** What processes have taken and not told to be spent. */
  readonly heldNano: number;
};

export function openKeyStore(database: Database, owner: string): KeyStore {
  // Of its own for every start: what one that is gone held is not ours.
  const process = randomBytes(9).toString('base64url');
  return {
    version: async () => Number((await database.ask(KEY_SQL.version, owner))[0]?.version ?? 0),
    live: async () => (await database.ask(KEY_SQL.live, owner)).map(keyIn),
    all: async () => (await database.ask(KEY_SQL.all, owner)).map(recordIn),
    add: async (key) => {
      const added = await database.transaction((ask) => add(ask, owner, key));
      if (added !== 'added') throw new Problem('conflict', WHY_NOT[added](key.name));
    },
    revoke: (idOrName, nowMs) => database.transaction((ask) => revoke(ask, { owner, idOrName, nowMs })),
    noteUsed: async (uses) => {
      if (uses.size === 0) return;
      await database.transaction(async (ask) => {
        for (const [id, atMs] of uses) await ask(KEY_SQL.used, Math.round(atMs), owner, id, Math.round(atMs));
      });
    },
    spending: (periods) => readSpending(database.ask, owner, periods),
    exchange: (order) => database.transaction((ask) => exchange(ask, { ...order, owner, process })),
  };
}

const WHY_NOT = {
  full: () => `There are ${KEYS_MAX} keys, as many as there may be. Revoke some first.`,
  taken: (name: string) => `A key named ${name} is in use. Revoke it first, or take another name.`,
};

async function add(ask: Ask, owner: string, key: StoredKey): Promise<'added' | keyof typeof WHY_NOT> {
  const [count] = await ask(KEY_SQL.countLive, owner);
  if (Number(count?.live ?? 0) >= KEYS_MAX) return 'full';
  const made = await ask(
    KEY_SQL.insert,
    ...[owner, key.id, key.name, key.hash, key.hint, Math.round(key.createdAtMs)],
    ...[key.expiresAtMs === null ? null : Math.round(key.expiresAtMs), JSON.stringify(key.limits)],
  );
  if (made.length === 0) return 'taken';
  await ask(KEY_SQL.changed, owner);
  return 'added';
}

async function revoke(
  ask: Ask,
  { owner, idOrName, nowMs }: { owner: string; idOrName: string; nowMs: number },
): Promise<KeyRecord | null> {
  const [row] = await ask(KEY_SQL.find, owner, idOrName, idOrName);
  if (row === undefined) return null;
  const key = recordIn(row);
  if (key.revokedAtMs !== null) return key;
  await ask(KEY_SQL.revoke, Math.round(nowMs), owner, key.id);
  await ask(KEY_SQL.changed, owner);
  return { ...key, revokedAtMs: Math.round(nowMs) };
}

async function readSpending(
  ask: Ask,
  owner: string,
  periods: readonly [number, number, number],
): Promise<Spending[]> {
  const [spent, held] = await Promise.all([ask(KEY_SQL.spent, owner, ...periods), ask(KEY_SQL.held, owner)]);
  return spent.map((row) => ({
    keyId: String(row.key_id),
    periodFromMs: Number(row.period_from_ms),
    spentNano: Number(row.spent_nano),
    heldNano: Number(held.find((one) => isOfSame(one, row))?.held_nano ?? 0),
  }));
}

function isOfSame(a: Row, b: Row): boolean {
  return a.key_id === b.key_id && Number(a.period_from_ms) === Number(b.period_from_ms);
}

function keyIn(row: Row): StoredKey {
  return { ...recordIn(row), hash: String(row.token_hash) };
}

function recordIn(row: Row): KeyRecord {
  const maybe = (value: unknown): number | null => (value === null ? null : Number(value));
  return {
    id: String(row.id),
    name: String(row.name),
    hint: String(row.hint),
    createdAtMs: Number(row.created_at_ms),
    lastUsedAtMs: maybe(row.last_used_at_ms),
    expiresAtMs: maybe(row.expires_at_ms),
    revokedAtMs: maybe(row.revoked_at_ms),
    // What we wrote ourselves, under this key: the cast is the table's own check.
    limits: JSON.parse(String(row.limits)) as KeyLimits,
  };
}
