import { expect } from 'vitest';
import type { ReceiptAnswer } from '../../src/admin/answers.ts';
import { parseLabel } from '../../src/domain/label.ts';
import type { ContractRecord } from '../../src/simulator/api/control.ts';
import { eventually } from './eventually.ts';

export type { ContractRecord } from '../../src/simulator/api/control.ts';

/**
 * Machines here download hundreds of times faster than real ones: what comes in the second between the last
 * reading and the end of one that is still downloading is a share of all its traffic.
 */
type Tolerance = { readonly trafficShare?: number };

type Snapshot = { readonly now: number; readonly contracts: readonly ContractRecord[] };

/** The provider's books, by which every promise is judged. Times in epoch seconds. */
export class Books {
  readonly #marketUrl: string;
  readonly #owner: string;

  constructor(marketUrl: string, owner: string) {
    this.#marketUrl = marketUrl;
    this.#owner = owner;
  }

  async read(): Promise<Snapshot> {
    const answer = await fetch(`${this.#marketUrl}/_sim/contracts`, { signal: AbortSignal.timeout(5_000) });
    return (await answer.json()) as Snapshot;
  }

  /** Contracts of ours, of one session where it is named, in the order they were made. */
  async ours(session?: string): Promise<ContractRecord[]> {
    const { contracts } = await this.read();
    return contracts
      .filter(({ label }) => {
        const parsed = parseLabel(label);
        return parsed?.owner === this.#owner && (session === undefined || parsed.session === session);
      })
      .sort((a, b) => a.requested_at - b.requested_at);
  }

  /** All that holds of a session that has ended: nothing left, nothing rented twice, nobody else touched, no lie. */
  async expectAllWell(receipt: ReceiptAnswer, tolerance: Tolerance = {}): Promise<void> {
    await this.expectNoneAlive(receipt.session);
    await this.expectNoDoubleRent();
    await this.expectStrangersUntouched();
    await this.expectReceiptAgrees(receipt, tolerance);
  }

  /** *No orphan*: nothing of ours is left. */
  async expectNoneAlive(session?: string): Promise<void> {
    const alive = (await this.ours(session)).filter(({ destroyed_at }) => destroyed_at === null);
    expect(alive.map(({ id, label, state }) => ({ id, label, state }))).toEqual([]);
  }

  /** For what is destroyed in its own time; fails when there never was such a contract. */
  async awaitGone(contractId: number, withinMs: number): Promise<ContractRecord> {
    return eventually(
      `contract ${contractId} is gone`,
      async () =>
        (await this.read()).contracts.find(
          ({ id, destroyed_at }) => id === contractId && destroyed_at !== null,
        ),
      withinMs,
    );
  }

  /**
   * *No double rent*: at no instant had a session more than `hedge` contracts for which no DELETE had arrived.
   * `except` are contracts that never showed, which nobody could have known of.
   */
  async expectNoDoubleRent({ hedge = 1, except = [] }: { hedge?: number; except?: readonly number[] } = {}) {
    const { now } = await this.read();
    const bySession = Map.groupBy(await this.ours(), ({ label }) => parseLabel(label)?.session ?? '');
    for (const [session, contracts] of bySession) {
      const spans = contracts
        .filter(({ id }) => !except.includes(id))
        .map(({ created_at, destroy_requested_at, destroyed_at }) => ({
          from: created_at,
          to: destroy_requested_at ?? destroyed_at ?? now,
        }));
      for (const { from } of spans) {
        const together = spans.filter((span) => span.from <= from && from < span.to).length;
        expect(together, `contracts of ${session} at one time`).toBeLessThanOrEqual(hedge);
      }
    }
  }

  /** *No stranger touched*: what others rent in this account runs as it did. */
  async expectStrangersUntouched(): Promise<void> {
    const { contracts } = await this.read();
    const strangers = contracts.filter(({ label }) => parseLabel(label)?.owner !== this.#owner);
    expect(strangers.length).toBeGreaterThan(0);
    const touched = strangers.filter(
      ({ state, destroy_requested_at, destroyed_at }) =>
        destroy_requested_at !== null || destroyed_at !== null || state === 'stopped' || state === 'exited',
    );
    expect(touched).toEqual([]);
  }

  /** *No lie*: every contract is in the receipt and costs there what the provider charges, once its billing is over. */
  async expectReceiptAgrees(receipt: ReceiptAnswer, { trafficShare = 0 }: Tolerance = {}): Promise<void> {
    const contracts = await this.#settled(receipt);
    expect(new Set(contracts.map(({ label }) => label))).toEqual(labelsOf(receipt));
    const prices = new Map(receipt.attempts.map(({ label, usd_per_hour }) => [label, usd_per_hour]));
    for (const contract of contracts) {
      const claimed = receipt.instances.find(({ label }) => label === contract.label);
      const toleratedUsd = Math.max(
        contract.usd.total * 0.01,
        ((prices.get(contract.label ?? '') ?? 0) * 5) / 3_600,
        contract.usd.bandwidth * trafficShare,
      );
      const apart = Math.abs((claimed?.usd.total ?? 0) - contract.usd.total);
      expect(
        apart,
        `instance ${contract.id}: ${JSON.stringify(claimed?.usd)} in the receipt, ${JSON.stringify(contract.usd)} in the books`,
      ).toBeLessThanOrEqual(toleratedUsd);
      expect(claimed?.gone_at).not.toBeNull();
      expect(claimed?.seen_absent.length).toBeGreaterThanOrEqual(2);
    }
  }

  /** What the provider charges for a session, all its contracts together, once their billing is over. */
  async chargedUsd(receipt: ReceiptAnswer): Promise<number> {
    const contracts = await this.#settled(receipt);
    return contracts.reduce((sum, { usd }) => sum + usd.total, 0);
  }

  /** Billing goes on for a while after an instance is gone. */
  #settled(receipt: ReceiptAnswer): Promise<ContractRecord[]> {
    return eventually('the books of the session are closed', async () => {
      const { now } = await this.read();
      const contracts = (await this.ours(receipt.session)).filter(
        ({ label }) => parseLabel(label)?.run === receipt.run,
      );
      const isOver = contracts.every(
        ({ destroyed_at, billed_until }) => destroyed_at !== null && (billed_until ?? now) <= now,
      );
      return isOver ? contracts : null;
    });
  }
}

/** A create that was refused made no contract, and is an attempt without an instance in the receipt. */
function labelsOf(receipt: ReceiptAnswer): Set<string> {
  return new Set(
    receipt.instances.filter(({ instance_id }) => instance_id !== null).map(({ label }) => label),
  );
}
