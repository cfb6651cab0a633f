import { randomUUID } from 'node:crypto';
import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { QueryDefinition, UpdateDefinition } from '@temporalio/common';
import { ledgerWorkflowId } from '../workflows/ids.ts';

const UPDATE_DEADLINE_MS = 20_000;
/**
 * Updates of one process under way at once. Temporal takes ten of a workflow (`history.maxInFlightUpdates`) and makes
 * the eleventh wait for seconds, whereas one takes milliseconds: in a queue of ours nobody waits that long.
 */
const UPDATES_AT_ONCE = 3;

/** Calls the ledger's updates, few at a time; a ledger that was terminated is opened again first. */
export class LedgerCaller {
  readonly #temporal: Client;
  readonly #owner: string;
  readonly #reopen: () => Promise<void>;
  /** Whose turn comes next. As long as there are activities at most, each of which has its own time-out. */
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(options: { temporal: Client; owner: string; reopen: () => Promise<void> }) {
    this.#temporal = options.temporal;
    this.#owner = options.owner;
    this.#reopen = options.reopen;
  }

  /** Each call is an update of its own; the ledger's rules make repeats harmless. */
  async call<Answer, Order>(update: UpdateDefinition<Answer, [Order]>, order: Order): Promise<Answer> {
    const updateId = randomUUID();
    try {
      return await this.#update(update, order, updateId);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError) && !isEndedUnderIt(error)) throw error;
      await this.#reopen();
      return await this.#update(update, order, updateId);
    }
  }

  /** Reads the ledger; asks a worker, so it fails where none is up. */
  read<Answer, Asked extends unknown[]>(
    query: QueryDefinition<Answer, Asked>,
    ...asked: Asked
  ): Promise<Answer> {
    const ledger = this.#temporal.workflow.getHandle(ledgerWorkflowId(this.#owner));
    return this.#temporal.withDeadline(Date.now() + UPDATE_DEADLINE_MS, () => ledger.query(query, ...asked));
  }

  async #update<Answer, Order>(
    update: UpdateDefinition<Answer, [Order]>,
    order: Order,
    updateId: string,
  ): Promise<Answer> {
    const ledger = this.#temporal.workflow.getHandle(ledgerWorkflowId(this.#owner));
    const deadlineMs = Date.now() + UPDATE_DEADLINE_MS;
    await this.#awaitTurn();
    try {
      return await this.#temporal.withDeadline(deadlineMs, () =>
        ledger.executeUpdate(update, { args: [order], updateId }),
      );
    } finally {
      this.#passTurn();
    }
  }

  async #awaitTurn(): Promise<void> {
    if (this.#underWay < UPDATES_AT_ONCE) this.#underWay += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** To the one that waits longest, if any does. */
  #passTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#underWay -= 1;
    else next();
  }
}

function isEndedUnderIt(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateFailedError && /completed|terminated/i.test(error.cause?.message ?? '')
  );
}
