import { randomBytes } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { type Policy, policyOf } from '../../src/domain/policy.ts';
import type { Receipt, SessionRequest, SessionState, SessionView } from '../../src/domain/session.ts';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import type { gpuSession } from '../../src/workflows/gpu-session.ts';
import { sessionWorkflowId, TASK_QUEUES } from '../../src/workflows/ids.ts';
import { extendUpdate, type SessionInput, statusQuery } from '../../src/workflows/messages.ts';
import { aRequest } from './builders.ts';
import { eventually } from './eventually.ts';
import { startTimeSkipping } from './time-skipping.ts';
import { standInActivities } from './workflow-activities.ts';
import { StandInMarket } from './workflow-market.ts';

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

const OWNER = 'a1b2c3d4e5';
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** Workflows on the skipping clock, with a market of stand-ins. One per file; its tests run one after the other. */
export class Stage {
  readonly environment: TestWorkflowEnvironment;
  /** The market of the test that runs. */
  market: StandInMarket;
  readonly #markets = new Map<string, StandInMarket>();
  readonly #workers: Worker[] = [];
  #runs: Promise<void>[] = [];

  private constructor(environment: TestWorkflowEnvironment, nowMs: number) {
    this.environment = environment;
    this.market = new StandInMarket(nowMs);
  }

  static async open(): Promise<Stage> {
    installRuntime();
    const environment = await startTimeSkipping();
    const stage = new Stage(environment, await environment.currentTimeMs());
    const activities = standInActivities({
      market: (workflowId) => stage.marketOf(workflowId),
      now: () => stage.now(),
    });
    const bundle = await workflowBundle();
    for (const taskQueue of Object.values(TASK_QUEUES)) {
      const worker = await Worker.create({
        connection: environment.nativeConnection,
        taskQueue,
        activities,
        ...(taskQueue === TASK_QUEUES.sessions ? { workflowBundle: bundle } : {}),
      });
      stage.#workers.push(worker);
    }
    stage.#runs = stage.#workers.map((worker) => worker.run());
    return stage;
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.all(this.#runs);
    await this.environment.teardown();
  }

  now(): Promise<number> {
    return this.environment.currentTimeMs();
  }

  /** What a failed test left behind goes on with its own market, and disturbs no other. */
  marketOf(workflowId: string): StandInMarket {
    return this.#markets.get(workflowId) ?? this.market;
  }

  /** A market of its own for the next test. */
  async freshMarket(options: { limitUsd?: number } = {}): Promise<StandInMarket> {
    this.market = new StandInMarket(await this.now(), options.limitUsd);
    return this.market;
  }

  /** Lets time pass, as fast as nothing is at work. */
  pass(ms: number): Promise<void> {
    return this.environment.sleep(ms);
  }

  async launch(request: Partial<SessionRequest> = {}, policy: Partial<Policy> = {}): Promise<StagedSession> {
    const run = randomBytes(5).toString('hex');
    const session = `s-${run}`;
    const input: SessionInput = {
      session,
      owner: OWNER,
      run,
      request: aRequest(request),
      policy: { ...policyOf(parseConfig({})), ...policy },
    };
    this.#markets.set(sessionWorkflowId(session), this.market);
    const handle = await this.environment.client.workflow.start<typeof gpuSession>('gpuSession', {
      workflowId: sessionWorkflowId(session),
      taskQueue: TASK_QUEUES.sessions,
      args: [input],
      memo: { state: 'SEARCHING', owner: OWNER, run, claims: [] },
    });
    return new StagedSession(this, handle, input);
  }
}

let isRuntimeInstalled = false;

/** Once per process, however many stages it opens. */
function installRuntime(): void {
  if (!isRuntimeInstalled) Runtime.install({ logger: new DefaultLogger('ERROR') });
  isRuntimeInstalled = true;
}

const STATES_AFTER_READY: readonly SessionState[] = ['DESTROYING', 'IDLE'];

/** One session on the stage, and what can be asked of it. */
export class StagedSession {
  readonly stage: Stage;
  readonly handle: WorkflowHandle<typeof gpuSession>;
  readonly input: SessionInput;

  constructor(stage: Stage, handle: WorkflowHandle<typeof gpuSession>, input: SessionInput) {
    this.stage = stage;
    this.handle = handle;
    this.input = input;
  }

  async status(): Promise<SessionView> {
    return this.handle.query(statusQuery, await this.stage.now());
  }

  /** Lets time pass in small steps until the session is as wanted; fails when it does not come to be. */
  async until(
    what: string,
    isSo: (view: SessionView) => boolean,
    { stepMs = 5 * SECOND, withinMs = 2 * HOUR }: { stepMs?: number; withinMs?: number } = {},
  ): Promise<SessionView> {
    const untilMs = (await this.stage.now()) + withinMs;
    for (;;) {
      const view = await this.status();
      if (isSo(view)) return view;
      if ((await this.stage.now()) > untilMs || view.state === 'IDLE')
        throw new Error(`The session never ${what}; it is ${view.state}: ${view.detail}`);
      await this.stage.pass(stepMs);
    }
  }

  async reach(state: SessionState, options: { stepMs?: number } = {}): Promise<SessionView> {
    return this.until(
      `reached ${state}`,
      (view) => {
        if (
          view.state !== state &&
          state === 'READY' &&
          STATES_AFTER_READY.includes(view.state) &&
          view.outcome
        )
          throw new Error(`It ended ${view.outcome}: ${view.reason}`);
        return view.state === state;
      },
      options,
    );
  }

  extend(minutes: number, updateId: string = randomBytes(4).toString('hex')): Promise<SessionView> {
    return this.handle.executeUpdate(extendUpdate, {
      args: [{ additionalMs: minutes * MINUTE }],
      updateId,
    });
  }

  /**
   * Waits for an event of that type, with no time passing. A workflow that cancels an activity in the moment in
   * which it completes loses its task at this server, which no real one does: then one has to come after the other.
   */
  async recorded(type: string): Promise<void> {
    await eventually(`${type} is in history`, async () =>
      (await this.events()).some(({ eventType }) => temporal.api.enums.v1.EventType[eventType ?? 0] === type),
    );
  }

  /** Lets time skip until the session has ended; then nothing may be left on the market's books. */
  async ended(): Promise<Receipt> {
    const receipt = await this.handle.result();
    const left = this.stage.market.left.map(({ instanceId, label }) => ({ instanceId, label }));
    expect(left, 'instances left on the market').toEqual([]);
    expect(this.stage.market.ledger.reservations, 'reservations left open').toEqual({});
    return receipt;
  }

  /** Events of the newest run, in order. */
  async events(): Promise<HistoryEvent[]> {
    const { events } = await this.handle.fetchHistory();
    return events ?? [];
  }
}
