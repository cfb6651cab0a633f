import { randomUUID } from 'node:crypto';
import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { QueryDefinition, UpdateDefinition } from '@temporalio/common';
import { ledgerWorkflowId } from '../workflows/ids.ts';

const UPDATE_DEADLINE_MS = 20_000;

/** Calls the ledger's updates; a ledger that was terminated is opened again first. */
export class LedgerCaller {
  readonly #temporal: Client;
  readonly #owner: string;
  readonly #reopen: () => Promise<void>;

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

  #update<Answer, Order>(
    update: UpdateDefinition<Answer, [Order]>,
    order: Order,
    updateId: string,
  ): Promise<Answer> {
    const ledger = this.#temporal.workflow.getHandle(ledgerWorkflowId(this.#owner));
    return this.#temporal.withDeadline(Date.now() + UPDATE_DEADLINE_MS, () =>
      ledger.executeUpdate(update, { args: [order], updateId }),
    );
  }
}

function isEndedUnderIt(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateFailedError && /completed|terminated/i.test(error.cause?.message ?? '')
  );
}
