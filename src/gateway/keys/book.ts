import { budgetSpan, fromNanoUsd, type KeyLimits, type KeyRecord } from '../../domain/gateway-key.ts';
import { Problem } from '../../domain/problem.ts';
import type { KeyStore, Spending } from './store.ts';
import { hashOf, hintOf, makeKeyId, makeToken } from './token.ts';

/** The keys as their owner sees them. */
export type KeyBook = {
  /** The token is known to the caller alone from here on. conflict (the name is in use, too many keys). */
  create(order: KeyOrder): Promise<{ key: KeyStanding; token: string }>;
  /** Those in use first, then revoked ones; newest first. */
  list(): Promise<KeyStanding[]>;
  /** By id or name; one that is revoked stays so. not-found. */
  revoke(idOrName: string): Promise<KeyStanding>;
};

export type KeyOrder = {
  readonly name: string;
  readonly expiresAtMs: number | null;
  readonly limits: KeyLimits;
};

/** A key, and what its budget came to in the period that is now. */
export type KeyStanding = KeyRecord & {
  readonly spent: {
    readonly usd: number;
    /** By requests under way, and what servers hold for the next. */
    readonly heldUsd: number;
    /** Null: never. */
    readonly resetsAtMs: number | null;
  } | null;
};

export function makeKeyBook(deps: {
  store: KeyStore;
  nowMs: () => number;
  /** Sees that this process knows of it before the caller is told. */
  onChange: () => Promise<void>;
}): KeyBook {
  const { store, nowMs, onChange } = deps;
  return {
    async create({ name, expiresAtMs, limits }) {
      const token = makeToken();
      const key: KeyRecord = {
        id: makeKeyId(),
        name,
        hint: hintOf(token),
        createdAtMs: nowMs(),
        lastUsedAtMs: null,
        expiresAtMs,
        revokedAtMs: null,
        limits,
      };
      await store.add({ ...key, hash: hashOf(token) });
      await onChange();
      return { key: standingOf(key, [], nowMs()), token };
    },
    async list() {
      const atMs = nowMs();
      const [keys, spending] = await Promise.all([store.all(), store.spending(periodsAt(atMs))]);
      return keys.map((key) => standingOf(key, spending, atMs));
    },
    async revoke(idOrName) {
      const atMs = nowMs();
      const key = await store.revoke(idOrName, atMs);
      if (key === null) throw new Problem('not-found', `There is no gateway key ${idOrName}.`);
      await onChange();
      return standingOf(key, await store.spending(periodsAt(atMs)), atMs);
    },
  };
}

function periodsAt(atMs: number): [number, number, number] {
  return [budgetSpan('total', atMs).fromMs, budgetSpan('day', atMs).fromMs, budgetSpan('month', atMs).fromMs];
}

function standingOf(key: KeyRecord, spending: readonly Spending[], atMs: number): KeyStanding {
  const { budget } = key.limits;
  if (budget === null) return { ...key, spent: null };
  const { fromMs, toMs } = budgetSpan(budget.period, atMs);
  const found = spending.find(({ keyId, periodFromMs }) => keyId === key.id && periodFromMs === fromMs);
  return {
    ...key,
    spent: {
      usd: fromNanoUsd(found?.spentNano ?? 0),
      heldUsd: fromNanoUsd(found?.heldNano ?? 0),
      resetsAtMs: toMs,
    },
  };
}
