import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { SessionView } from '../domain/session.ts';
import { withDeadline } from '../temporal/connection.ts';
import { sessionOfWorkflowId, sessionWorkflowId } from '../workflows/ids.ts';
import type { SessionMemo } from '../workflows/messages.ts';

/** A session that may be sent requests now. Its key is derived from the installation's secret and the label. */
export type ServingSession = {
  readonly session: string;
  readonly model: string;
  /** `http(s)://host:port/v1` */
  readonly endpoint: string;
  readonly label: string;
  readonly instanceId: number;
  /** False: it gets no traffic before it is switched to. */
  readonly autoSwitch?: boolean;
};

const REFRESH_MS = 1_000;
const CALL_MS = 5_000;
const SESSIONS_MAX = 1_000;
const DESCRIBES_AT_ONCE = 10;

/**
 * READY sessions, kept fresh each second for the gateway: visibility to discover them, the memo for the truth,
 * since visibility lags. While Temporal is silent the last table stands: instances go on serving without it.
 */
export class ServingTable {
  readonly #client: Client;
  readonly #owner: string;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #rows: ReadonlyMap<string, ServingSession> = new Map();
  #unreachable = new Set<string>();
  /** The same list until something changes: who asks with every request need not look through it anew. */
  #serving: readonly ServingSession[] | null = null;
  /** Sessions somebody here asked about: looked at each second, whatever visibility knows of them yet. */
  readonly #asked = new Set<string>();

  constructor(client: Client, owner: string, logger: Logger) {
    this.#client = client;
    this.#owner = owner;
    this.#logger = logger;
  }

  start(): void {
    this.#loop = this.#refreshForEver();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  serving(): readonly ServingSession[] {
    this.#serving ??= [...this.#rows.values()].filter(({ label }) => !this.#unreachable.has(label));
    return this.#serving;
  }

  /** What a status just said is served at once: whoever was told READY may send the next request. */
  note(view: SessionView): void {
    if (view.state === 'IDLE' || view.run === null) this.#asked.delete(view.session);
    else this.#asked.add(view.session);
    if (view.isStale) return;
    const rows = new Map(this.#rows);
    const row = rowOf(view);
    if (row === null) rows.delete(view.session);
    else rows.set(view.session, row);
    this.#rows = rows;
    this.#serving = null;
  }

  /** A refused connection: out until the next look that says READY. */
  markUnreachable(session: string): void {
    const row = this.#rows.get(session);
    if (row !== undefined) this.#unreachable.add(row.label);
    this.#serving = null;
  }

  async #refreshForEver(): Promise<void> {
    let wasSilent = false;
    while (!this.#stop.signal.aborted) {
      try {
        const markedBefore = new Set(this.#unreachable);
        this.#rows = await this.#look();
        for (const label of markedBefore) this.#unreachable.delete(label);
        this.#serving = null;
        wasSilent = false;
      } catch (error) {
        if (!wasSilent)
          this.#logger.warn(
            { why: error instanceof Error ? error.message : String(error) },
            'cannot refresh the table of sessions',
          );
        wasSilent = true;
      }
      await pause(REFRESH_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<ReadonlyMap<string, ServingSession>> {
    const names = await this.#discover();
    const rows = new Map<string, ServingSession>();
    for (let from = 0; from < names.length; from += DESCRIBES_AT_ONCE) {
      const batch = names.slice(from, from + DESCRIBES_AT_ONCE);
      for (const row of await Promise.all(batch.map((name) => this.#describe(name)))) {
        if (row !== null) rows.set(row.session, row);
      }
    }
    return rows;
  }

  async #discover(): Promise<string[]> {
    const answer = await withDeadline(this.#client, CALL_MS, () =>
      this.#client.workflowService.listWorkflowExecutions({
        namespace: this.#client.options.namespace,
        query: "WorkflowType = 'gpuSession' AND ExecutionStatus = 'Running' AND SessionState = 'READY'",
        pageSize: SESSIONS_MAX,
      }),
    );
    const found = (answer.executions ?? []).map(({ execution }) => execution?.workflowId ?? '');
    // Those that were serving a second ago are looked at too: visibility may drop them late.
    const known = [...this.#rows.keys(), ...this.#asked].map(sessionWorkflowId);
    return [...new Set([...found, ...known])].filter((workflowId) => workflowId !== '');
  }

  async #describe(workflowId: string): Promise<ServingSession | null> {
    const session = sessionOfWorkflowId(workflowId);
    if (session === null) return null;
    const described = await withDeadline(this.#client, CALL_MS, () =>
      this.#client.workflow.getHandle(workflowId).describe(),
    );
    const memo = (described.memo ?? {}) as Partial<SessionMemo>;
    const { endpoint, label, model, instance_id: instanceId, owner, state } = memo;
    if (described.status.name !== 'RUNNING') this.#asked.delete(session);
    if (described.status.name !== 'RUNNING' || state !== 'READY' || owner !== this.#owner) return null;
    if (!endpoint || !label || !model || !instanceId) return null;
    return { session, model, endpoint, label, instanceId, autoSwitch: memo.auto_switch ?? true };
  }
}

function rowOf(view: SessionView): ServingSession | null {
  const { session, state, model, endpoint, label, instanceId, autoSwitch } = view;
  if (state !== 'READY' || model === null || endpoint === null || label === null || instanceId === null)
    return null;
  return { session, model, endpoint, label, instanceId, autoSwitch };
}
