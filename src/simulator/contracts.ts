import { type Contract, isAlive } from './contract.ts';

/** Every contract ever, found by id, by its own key, or by account. */
export class Contracts {
  readonly #byId = new Map<number, Contract>();
  readonly #byKey = new Map<string, Contract>();
  readonly #made: { count: number };

  constructor(contracts: readonly Contract[] = []) {
    for (const contract of contracts) this.#keep(contract);
    this.#made = { count: contracts.length };
  }

  newId(): number {
    this.#made.count += 1;
    return FIRST_CONTRACT_ID + this.#made.count * 11;
  }

  add(contract: Contract): void {
    this.#keep(contract);
  }

  find(id: number): Contract | null {
    return this.#byId.get(id) ?? null;
  }

  /** The living contract that a per-instance key belongs to: the key ends with its instance. */
  findByKey(key: string): Contract | null {
    const contract = this.#byKey.get(key);
    return contract !== undefined && isAlive(contract) ? contract : null;
  }

  isInstanceKey(key: string): boolean {
    return this.#byKey.has(key);
  }

  all(): Contract[] {
    return [...this.#byId.values()];
  }

  alive(): Contract[] {
    return this.all().filter(isAlive);
  }

  ofAccount(accountId: number): Contract[] {
    return this.all().filter((contract) => contract.accountId === accountId);
  }

  /** What a list or a read may show: alive, and no longer held back by the service's own lag. */
  visible(accountId: number, now: number): Contract[] {
    return this.ofAccount(accountId).filter((contract) => isVisible(contract, now));
  }

  #keep(contract: Contract): void {
    this.#byId.set(contract.id, contract);
    this.#byKey.set(contract.key, contract);
  }
}

export function isVisible(contract: Contract, now: number): boolean {
  return isAlive(contract) && contract.listedAt !== null && contract.listedAt <= now;
}

const FIRST_CONTRACT_ID = 28_400_000;
