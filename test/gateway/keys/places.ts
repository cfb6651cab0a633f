import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { KeyLimits } from '../../../src/domain/gateway-key.ts';
import {
  type GatewayKey,
  type GatewayKeys,
  KEY_TIMES,
  type KeyTimes,
  openGatewayKeys,
} from '../../../src/gateway/keys/keys.ts';
import { findPostgres, type Postgres, startPostgres } from '../../support/postgres.ts';

/** Where keys of a test lie: nobody else's are there. */
export type KeyPlace = { owner: string; home: string; databaseUrl?: string };
export const KINDS = ['SQLite', 'PostgreSQL'] as const;
export type Kind = (typeof KINDS)[number];
export const POSTGRES_BIN = findPostgres();

let places = 0;

/** Databases of both kinds for one test file; started and removed by its hooks. */
export function keyPlaces() {
  const root = mkdtempSync(join(tmpdir(), 'leash-keys-'));
  let postgres: Postgres | null = null;
  return {
    start: async () => {
      if (POSTGRES_BIN !== null) postgres = await startPostgres(POSTGRES_BIN);
    },
    stop: async () => {
      await postgres?.[Symbol.asyncDispose]();
      rmSync(root, { recursive: true, force: true });
    },
    fresh: (kind: Kind): KeyPlace => {
      places += 1;
      const place = { owner: `owner${String(places).padStart(5, '0')}`, home: join(root, String(places)) };
      if (kind === 'SQLite') return place;
      if (postgres === null) throw new Error('PostgreSQL was not started');
      return { ...place, databaseUrl: postgres.url };
    },
  };
}

/** Short enough for a test, in the proportions of the real ones. */
export const QUICK: KeyTimes = {
  refreshMs: 100,
  usedMs: 100,
  budgets: { ...KEY_TIMES.budgets, lookMs: 50, idleMs: 100, refusalMs: 20 },
};

export async function openKeys(
  place: KeyPlace,
  more: { times?: KeyTimes; nowMs?: () => number } = {},
): Promise<GatewayKeys> {
  const keys = await openGatewayKeys({ ...place, logger: pino({ level: 'silent' }), times: QUICK, ...more });
  let isOpen = true;
  const close = async () => {
    if (isOpen) await keys.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { ...keys, close };
}

export const NO_LIMITS: KeyLimits = {
  models: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  budget: null,
};

export async function makeKey(
  keys: GatewayKeys,
  limits: Partial<KeyLimits> = {},
  more: { name?: string; expiresAtMs?: number } = {},
): Promise<{ key: GatewayKey; token: string }> {
  const { token } = await keys.book.create({
    name: more.name ?? 'app',
    expiresAtMs: more.expiresAtMs ?? null,
    limits: { ...NO_LIMITS, ...limits },
  });
  return { key: found(keys, token), token };
}

export function found(keys: GatewayKeys, token: string): GatewayKey {
  const key = keys.find(token);
  if (key === null) throw new Error('The key is not known');
  return key;
}

export function aNeed(set: Partial<Parameters<GatewayKeys['begin']>[1]> = {}) {
  return { model: 'qwen', promptTokensAtMost: 100, completionTokensAtMost: 100, usdAtMost: 0.01, ...set };
}

/** What a refusal says, or the lease. */
export async function tryBegin(
  keys: GatewayKeys,
  key: GatewayKey,
  set: Partial<ReturnType<typeof aNeed>> = {},
) {
  try {
    return { lease: await keys.begin(key, aNeed(set)), error: null };
  } catch (error) {
    return { lease: null, error: (error as { error: { status: number; code: string } }).error };
  }
}
