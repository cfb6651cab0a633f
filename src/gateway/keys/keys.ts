import type { Logger } from 'pino';
import { openDatabase } from '../../archive/database.ts';
import { type KeyRecord, keyState, mayUseModel } from '../../domain/gateway-key.ts';
import { type KeyBook, makeKeyBook } from './book.ts';
import { BUDGET_TIMES, type BudgetLease, Budgets, type BudgetTimes } from './budgets.ts';
import type { RateLease, Rates } from './rates.ts';
import { keyRevoked, modelNotAllowed } from './refusals.ts';
import { openKeyStore } from './store.ts';
import { KeyTable } from './table.ts';
import { KEY_TABLES } from './tables.ts';

export type GatewayKey = Omit<KeyRecord, 'lastUsedAtMs'>;

/**
 * Keys of the gateway: who may use it, and how much.
 *
 * 1. A request is looked up and its limits are judged in memory; only a budget that runs low asks the database.
 * 2. What is revoked anywhere stops here within two seconds.
 * 3. While the database is away, known keys go on working: budgets as far as what this process holds of them.
 */
export type GatewayKeys = {
  /** Null: no key of ours, or no longer one. Throws a `Refusal` (503) as long as keys were never read. */
  find(token: string): GatewayKey | null;
  /**
   * Takes a request on. Throws or rejects with a `Refusal`: 403 for its model, 429 for its rates, 402 or 429 for its
   * budget, 503 where the budget cannot be read. A promise only where the database has to be asked: `await` it.
   */
  begin(key: Pick<GatewayKey, 'id'>, need: Need): Lease | Promise<Lease>;
  /** For the admin API. */
  readonly book: KeyBook;
  close(): Promise<void>;
};

/** What a request may come to. */
export type Need = {
  /** Null: the request names none. */
  readonly model: string | null;
  readonly promptTokensAtMost: number;
  readonly completionTokensAtMost: number;
  /** Read for a key with a budget alone: it may be a getter. */
  readonly usdAtMost: number;
};

export type Used = {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly usd: number;
};

/** What a request was promised, until it has ended: every lease is settled, with nothing used where nothing was. */
export type Lease = {
  /**
   * Once; later calls do nothing. Null: it was sent, and nobody knows what it came to (a stream that was cut, or told
   * no usage). Then it counts as reserved, or leaving before the end would be free.
   */
  settle(used: Used | null): void;
  /** The numbers of `x-ratelimit-*`; none for a key without rates. */
  rateHeaders(): Readonly<Record<string, string>>;
};

export type KeyTimes = {
  /** How often the database is asked whether keys have changed. */
  readonly refreshMs: number;
  /** How often it is told when keys were last used. */
  readonly usedMs: number;
  readonly budgets: BudgetTimes;
};

export const KEY_TIMES: KeyTimes = { refreshMs: 1_000, usedMs: 15_000, budgets: BUDGET_TIMES };

export type GatewayKeysOptions = {
  readonly owner: string;
  /** Directory of the SQLite file, where no database is named. */
  readonly home: string;
  readonly databaseUrl?: string | undefined;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
  readonly times?: KeyTimes;
  readonly nowMs?: () => number;
};

/** Reads the keys before it answers, where the database can be read; else as soon as it can. */
export async function openGatewayKeys(options: GatewayKeysOptions): Promise<GatewayKeys> {
  const { owner, logger, times = KEY_TIMES, nowMs = Date.now } = options;
  const database = openDatabase(options, KEY_TABLES);
  const store = openKeyStore(database, owner);
  const table = new KeyTable({ store, logger, times, nowMs });
  await table.refresh();
  table.start();
  const budgets = new Budgets({
    exchange: (order) => store.exchange(order),
    nowMs,
    times: times.budgets,
    onTrouble: (error) => logger.warn({ err: error }, 'the budget of a key cannot be read'),
  });
  return {
    find(token) {
      const known = table.find(token);
      return known !== null && keyState(known.key, nowMs()) === 'active' ? known.key : null;
    },
    begin: (key, need) => begin({ table, budgets }, key, need),
    book: makeKeyBook({ store, nowMs, onChange: () => table.refresh() }),
    close: async () => {
      await budgets.close();
      await table.close();
      await database.close();
    },
  };
}

function begin(
  { table, budgets }: { table: KeyTable; budgets: Budgets },
  { id }: Pick<GatewayKey, 'id'>,
  need: Need,
): Lease | Promise<Lease> {
  const entry = table.noteUse(id);
  if (entry === null) throw keyRevoked();
  const { rates, key } = entry;
  if (!mayUseModel(key.limits, need.model)) throw modelNotAllowed(need.model);
  const rate = rates.begin(need.promptTokensAtMost + need.completionTokensAtMost);
  const { budget } = key.limits;
  if (budget === null) return makeLease(rates, rate, null);
  try {
    const begun = budgets.begin(key.id, budget, need.usdAtMost);
    if (!(begun instanceof Promise)) return makeLease(rates, rate, begun);
    return begun.then(
      (lease) => makeLease(rates, rate, lease),
      (error: unknown) => {
        rate.cancel();
        throw error;
      },
    );
  } catch (error) {
    rate.cancel(); // what is refused is not counted
    throw error;
  }
}

function makeLease(rates: Rates, rate: RateLease, budget: BudgetLease | null): Lease {
  let isOpen = true;
  return {
    settle(used) {
      if (!isOpen) return;
      isOpen = false;
      // Else the rate keeps what was reserved.
      if (used !== null) rate.settle(used.promptTokens + used.completionTokens);
      budget?.settle(used?.usd ?? null);
    },
    rateHeaders: () => rates.headers(),
  };
}

export type { KeyBook, KeyOrder, KeyStanding } from './book.ts';
