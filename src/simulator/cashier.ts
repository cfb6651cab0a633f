import { type Account, type Accounts, paidUsd } from './accounts.ts';
import { copyOf, settle, totalUsd } from './books.ts';
import { type Contract, isAlive } from './contract.ts';
import type { Contracts } from './contracts.ts';
import type { Life } from './life.ts';
import type { Market } from './market.ts';
import type { Volumes } from './volumes.ts';

/** Reads the books: credit, charges as posted, and what happens to those who have used their credit up. */
export class Cashier {
  readonly #market: Market;
  readonly #contracts: Contracts;
  readonly #volumes: Volumes;
  readonly #life: Life;
  readonly #accounts: Accounts;
  readonly #chargesLagSeconds: number;
  #postedAt = 0;

  constructor(parts: {
    market: Market;
    contracts: Contracts;
    volumes: Volumes;
    life: Life;
    accounts: Accounts;
    chargesLagSeconds: number;
  }) {
    this.#market = parts.market;
    this.#contracts = parts.contracts;
    this.#volumes = parts.volumes;
    this.#life = parts.life;
    this.#accounts = parts.accounts;
    this.#chargesLagSeconds = parts.chargesLagSeconds;
  }

  settleAll(now: number): void {
    for (const contract of this.#contracts.all()) this.settle(contract, now);
  }

  settle(contract: Contract, now: number): void {
    if (contract.billedUntil !== null && contract.meter.settledAt >= contract.billedUntil) return;
    settle(contract, this.#market.getMachine(contract.machineId), now);
  }

  /** Spendable dollars: paid in less used, to this second. */
  creditUsd(account: Account, now: number): number {
    return paidUsd(account) - this.usedUsd(account, now);
  }

  usedUsd(account: Account, now: number): number {
    let used = this.#volumes.usedUsd(account.id, now);
    for (const contract of this.#contracts.ofAccount(account.id)) {
      this.settle(contract, now);
      used += totalUsd(contract.meter);
    }
    return used;
  }

  tick(now: number): void {
    this.#post(now);
    for (const account of this.#accounts.all()) this.#watchCredit(account, now);
  }

  /** Charges show what was posted last, which lags behind the meter. */
  #post(now: number): void {
    if (now - this.#postedAt < this.#chargesLagSeconds) return;
    this.#postedAt = now;
    for (const contract of this.#contracts.all()) {
      this.settle(contract, now);
      if (contract.posted.settledAt !== contract.meter.settledAt) contract.posted = copyOf(contract.meter);
    }
  }

  #watchCredit(account: Account, now: number): void {
    const isEmpty = this.creditUsd(account, now) <= 0;
    if (isEmpty === (account.emptySince !== null) && !isEmpty) return;
    account.emptySince = isEmpty ? (account.emptySince ?? now) : null;
    for (const contract of this.#contracts.ofAccount(account.id).filter(isAlive)) {
      if (!isEmpty) this.#life.endCreditGrace(contract);
      else this.#stopForCredit(contract);
    }
  }

  #stopForCredit(contract: Contract): void {
    if (contract.intended === 'running' || contract.isStartQueued) this.#life.stopByService(contract);
    this.#life.startCreditGrace(contract);
  }
}
