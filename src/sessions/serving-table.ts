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
/** Looking takes at most a fifth of the time, however many sessions there are. */
const PAUSE_IN_LOOKS = 4;
const SESSIONS_A_PAGE = 1_000;
const DESCRIBES_AT_ONCE = 10;
/** Sessions that are described in one look though nothing is known to have changed. */
const DESCRIBES_IN_TURN = 100;

/**
 * READY sessions, kept fresh each second for the gateway: visibility to discover them, the memo for the truth,
 * since visibility lags. Of more than a hundred, those that changed are looked at in each second, and the others in
 * turn. While Temporal is silent the last table stands: instances go on serving without it.
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
  /** Runs that were looked at, by session. */
  #runs: ReadonlyMap<string, string> = new Map();
  /** Whose turn it is, longest waiting first. */
  #queue: string[] = [];

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
      const startedAt = performance.now();
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
      const pauseMs = Math.max(REFRESH_MS, (performance.now() - startedAt) * PAUSE_IN_LOOKS);
      await pause(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<ReadonlyMap<string, ServingSession>> {
    const runs = await this.#discover();
    const due = this.#dueOf(runs);
    const waiting = due.values();
    const described = new Map<string, ServingSession | null>();
    const takeTurns = async (): Promise<void> => {
      for (const session of waiting) described.set(session, await this.#describe(session));
    };
    await Promise.all(Array.from({ length: DESCRIBES_AT_ONCE }, takeTurns));
    this.#runs = runs;
    // What was noted meanwhile stands: it is newer than a look that did not ask about it.
    const rows = new Map(this.#rows);
    for (const [session, row] of described) {
      if (row === null) rows.delete(session);
      else rows.set(session, row);
    }
    return rows;
  }

  /** What visibility shows READY: the newest run of each session. */
  async #discover(): Promise<Map<string, string>> {
    const runs = new Map<string, string>();
    let nextPageToken: Uint8Array | null = null;
    do {
      const answer: Page = await this.#listPage(nextPageToken);
      for (const { execution } of answer.executions ?? []) {
        const session = sessionOfWorkflowId(execution?.workflowId ?? '');
        if (session !== null) runs.set(session, execution?.runId ?? '');
      }
      nextPageToken = answer.nextPageToken?.length ? answer.nextPageToken : null;
    } while (nextPageToken !== null);
    return runs;
  }

  #listPage(nextPageToken: Uint8Array | null): Promise<Page> {
    return withDeadline(this.#client, CALL_MS, () =>
      this.#client.workflowService.listWorkflowExecutions({
        namespace: this.#client.options.namespace,
        query: "WorkflowType = 'gpuSession' AND ExecutionStatus = 'Running' AND SessionState = 'READY'",
        pageSize: SESSIONS_A_PAGE,
        nextPageToken,
      }),
    );
  }

  /** Those that may have changed, those somebody waits for, and of the others as many as a look has time for. */
  #dueOf(runs: ReadonlyMap<string, string>): ReadonlySet<string> {
    const isNew = ([session, run]: readonly [string, string]) =>
      this.#runs.get(session) !== run || !this.#rows.has(session);
    const changed = [...runs].filter(isNew).map(([session]) => session);
    // Those that were serving a second ago are looked at too: visibility may drop them late.
    const dropped = [...this.#rows.keys()].filter((session) => !runs.has(session));
    const unreachable = [...this.#rows.values()]
      .filter(({ label }) => this.#unreachable.has(label))
      .map(({ session }) => session);
    const due = new Set([...this.#asked, ...changed, ...dropped, ...unreachable]);
    const others = new Set([...this.#queue.filter((session) => runs.has(session)), ...runs.keys()]);
    this.#queue = [...others].filter((session) => !due.has(session));
    return new Set([...due, ...this.#queue.splice(0, DESCRIBES_IN_TURN)]);
  }

  async #describe(session: string): Promise<ServingSession | null> {
    const workflowId = sessionWorkflowId(session);
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

type Page = Awaited<ReturnType<Client['workflowService']['listWorkflowExecutions']>>;

function rowOf(view: SessionView): ServingSession | null {
  const { session, state, model, endpoint, label, instanceId, autoSwitch } = view;
  if (state !== 'READY' || model === null || endpoint === null || label === null || instanceId === null)
    return null;
  return { session, model, endpoint, label, instanceId, autoSwitch };
}
