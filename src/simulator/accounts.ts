import { newSecret, ORDINARY_RIGHTS, type Rights, type ScopedKey } from './keys.ts';
import { hash } from './random.ts';

export type Payment = {
  readonly id: number;
  readonly at: number;
  readonly usd: number;
  readonly description: string;
};

/** Whoever pays. Credit is what was paid in less what the books say was used. */
export type Account = {
  readonly id: number;
  readonly key: string;
  readonly email: string;
  readonly username: string;
  readonly createdAt: number;
  payments: Payment[];
  /** Since when the credit has been used up: everything of the account is stopped then. */
  emptySince: number | null;
};

export type AccountsState = {
  mainKey: string;
  accounts: Account[];
  /** Absent from what earlier versions have saved. */
  keys?: ScopedKey[];
};

/**
 * The accounts, by key. With `isClosed` only the main key is one; otherwise any key opens an account of its own,
 * so that several people (or tests) can share a market without seeing each other.
 */
export class Accounts {
  readonly mainKey: string;
  readonly #isClosed: boolean;
  readonly #byKey = new Map<string, Account>();
  readonly #byId = new Map<number, Account>();
  readonly #scoped = new Map<string, ScopedKey>();

  constructor({
    key,
    now,
    state,
  }: { key: string | undefined; now: number; state?: AccountsState | undefined }) {
    this.mainKey = key ?? state?.mainKey ?? newSecret();
    this.#isClosed = key !== undefined;
    for (const account of state?.accounts ?? []) this.#keep(account);
    for (const key of state?.keys ?? []) this.#scoped.set(key.secret, key);
    if (!this.#byKey.has(this.mainKey)) this.#open(this.mainKey, now);
  }

  state(): AccountsState {
    return { mainKey: this.mainKey, accounts: this.all(), keys: [...this.#scoped.values()] };
  }

  get main(): Account {
    return this.get(this.mainKey);
  }

  get(key: string): Account {
    const account = this.#byKey.get(key);
    if (account === undefined) throw new Error('there is no account with this key');
    return account;
  }

  getById(id: number): Account {
    const account = this.#byId.get(id);
    if (account === undefined) throw new Error(`there is no account ${id}`);
    return account;
  }

  all(): Account[] {
    return [...this.#byKey.values()];
  }

  /** Without opening one. */
  findKnown(key: string): Account | null {
    const scoped = this.#scoped.get(key);
    return (scoped === undefined ? this.#byKey.get(key) : this.#byId.get(scoped.accountId)) ?? null;
  }

  /** The account of a key; null when the key opens none. */
  find(key: string, now: number): Account | null {
    return this.findKnown(key) ?? (this.#isClosed || key === '' ? null : this.#open(key, now));
  }

  /** What the key of an account is listed as, and may do. */
  keyOf(account: Account, key: string): { id: number; name: string | null; rights: Rights } {
    return this.#scoped.get(key) ?? firstKeyOf(account);
  }

  keysOf(account: Account): { first: ReturnType<typeof firstKeyOf>; scoped: ScopedKey[] } {
    const scoped = [...this.#scoped.values()].filter(({ accountId }) => accountId === account.id);
    return { first: firstKeyOf(account), scoped };
  }

  makeKey(account: Account, { name, rights }: Pick<ScopedKey, 'name' | 'rights'>): ScopedKey {
    const secret = newSecret();
    const id = Math.max(KEY_IDS_FROM, ...[...this.#scoped.values()].map((other) => other.id)) + 1;
    const key = { id, accountId: account.id, secret, name, rights };
    this.#scoped.set(secret, key);
    return key;
  }

  /** False where the account has no such key; its first one stays. */
  removeKey(account: Account, id: number): boolean {
    const found = this.keysOf(account).scoped.find((key) => key.id === id);
    return found !== undefined && this.#scoped.delete(found.secret);
  }

  pay(account: Account, payment: { usd: number; at: number; description: string }): void {
    account.payments.push({
      id: 700_000 + (hash(`${account.id}/${account.payments.length}`) % 200_000),
      ...payment,
    });
  }

  #open(key: string, now: number): Account {
    const id = this.#freeId(key);
    const name = `renter-${id}`;
    const account: Account = {
      id,
      key,
      email: `${name}@example.com`,
      username: name,
      createdAt: now,
      payments: [],
      emptySince: null,
    };
    this.#keep(account);
    this.pay(account, { usd: START_CREDIT_USD, at: now, description: 'Credit card payment' });
    return account;
  }

  /** From the key, so that a restart without a state file meets the same account again. */
  #freeId(key: string): number {
    let id = 100_000 + (hash(key) % 800_000);
    while (this.#byId.has(id)) id += 1;
    return id;
  }

  #keep(account: Account): void {
    this.#byKey.set(account.key, account);
    this.#byId.set(account.id, account);
  }
}

const START_CREDIT_USD = 100;
const KEY_IDS_FROM = 2_000_000;

function firstKeyOf(account: Account): { id: number; name: string | null; rights: Rights } {
  return { id: account.id + 1, name: null, rights: ORDINARY_RIGHTS };
}

export function paidUsd(account: Account): number {
  return account.payments.reduce((sum, { usd }) => sum + usd, 0);
}
