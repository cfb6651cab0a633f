import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { SessionSummary } from '../client.ts';
import type { AttemptView, BudgetNumbers, SessionState, SessionView } from '../domain/session.ts';

/** One thing that changed; `session` is null for what concerns all of them. */
export type News = { readonly id: string; readonly session: string | null } & (
  | {
      readonly kind: 'state';
      readonly state: SessionState;
      readonly detail: string;
      readonly outcome: string | null;
    }
  | { readonly kind: 'cost'; readonly budget: BudgetNumbers; readonly usdPerHour: number | null }
  | { readonly kind: 'alert'; readonly alert: string; readonly detail: string }
  | { readonly kind: 'attempt'; readonly attempt: AttemptView }
);
type Untold = News extends infer One ? (One extends News ? Omit<One, 'id'> : never) : never;

type Sources = {
  list(filter: { open: boolean; limit: number }): Promise<{ items: SessionSummary[] }>;
  status(session: string): Promise<SessionView>;
  budget(): Promise<BudgetNumbers>;
};

const TICK_MS = 1_000;
const SESSIONS_MAX = 200;
/** Sessions whose views are read in one tick without a change of state: a thousand would each cost a query. */
const VIEWS_PER_TICK = 10;
const BUDGET_EVERY_TICKS = 5;
const KEPT = 500;
const UNCONFIRMED_ALERT_MS = 120_000;
const THRESHOLDS_PERCENT = [50, 80, 100];
/** A cost is told again once it moved by this much. */
const COST_STEP_USD = 0.0001;

/**
 * What changes in the sessions, told to whoever listens: one look a second for all listeners, and none while
 * nobody listens. It tells differences between looks, so what came and went between two is not told.
 */
export class NewsDesk {
  readonly #sources: Sources;
  readonly #logger: Logger;
  readonly #listeners = new Set<(news: News) => void>();
  /** Makes ids of this process unlike those of the one before. */
  readonly #epoch = Date.now().toString(36);
  #sequence = 0;
  #kept: News[] = [];
  #seen = new Map<string, SessionView>();
  #summaries = new Map<string, string>();
  #alerted = new Set<string>();
  #queue: string[] = [];
  #budget: BudgetNumbers | null = null;
  #loop: Promise<void> | null = null;
  #stop = new AbortController();
  #wasSilent = false;

  constructor(sources: Sources, logger: Logger) {
    this.#sources = sources;
    this.#logger = logger;
  }

  /**
   * Tells `listener` what happens until the returned function is called. First what came after `lastId`, where
   * that is still known; otherwise the state of every open session as it was seen last.
   */
  listen(listener: (news: News) => void, lastId: string | null): () => void {
    const at = lastId === null ? -1 : this.#kept.findIndex(({ id }) => id === lastId);
    if (at >= 0) for (const news of this.#kept.slice(at + 1)) listener(news);
    else for (const view of this.#seen.values()) listener(this.#numbered(stateNews(view)));
    this.#listeners.add(listener);
    this.#loop ??= this.#run();
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#listeners.clear();
    await this.#loop;
  }

  async #run(): Promise<void> {
    for (let tick = 0; this.#listeners.size > 0 && !this.#stop.signal.aborted; tick += 1) {
      try {
        await this.#look();
        if (tick % BUDGET_EVERY_TICKS === 0) await this.#lookAtBudget();
        this.#wasSilent = false;
      } catch (error) {
        this.#noteSilence(error);
      }
      await pause(TICK_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
    this.#loop = null;
    // What it knew is old by the time somebody listens again.
    this.#seen.clear();
    this.#summaries.clear();
    this.#budget = null;
    this.#alerted.clear();
  }

  async #look(): Promise<void> {
    const { items } = await this.#sources.list({ open: true, limit: SESSIONS_MAX });
    const open = new Set(items.map(({ session }) => session));
    const gone = [...this.#seen.keys()].filter((session) => !open.has(session));
    const changed = items
      .filter((summary) => this.#summaries.get(summary.session) !== keyOf(summary))
      .map(({ session }) => session);
    this.#queue = [...this.#queue.filter((session) => open.has(session)), ...open].filter(
      (session, index, all) => all.indexOf(session) === index,
    );
    const inTurn = this.#queue.splice(0, VIEWS_PER_TICK);
    for (const session of new Set([...gone, ...changed, ...inTurn])) {
      const view = await this.#sources.status(session);
      this.#compare(this.#seen.get(session) ?? null, view);
      // One that ended is forgotten once its receipt was seen; a receipt may come a moment after its last state.
      if (view.state === 'IDLE' && (view.receipt !== null || !open.has(session))) this.#seen.delete(session);
      else this.#seen.set(session, view);
    }
    this.#summaries = new Map(items.map((summary) => [summary.session, keyOf(summary)]));
  }

  #compare(before: SessionView | null, now: SessionView): void {
    if (before?.state !== now.state || before.detail !== now.detail) this.#tell(stateNews(now));
    const { session, budget, usdPerHour } = now;
    if (Math.abs(budget.spentUsd - (before?.budget.spentUsd ?? 0)) >= COST_STEP_USD)
      this.#tell({ kind: 'cost', session, budget, usdPerHour });
    for (const attempt of now.attempts) {
      const known = before?.attempts.find((one) => one.attempt === attempt.attempt);
      const isSame =
        known?.phase === attempt.phase &&
        known.failure?.kind === attempt.failure?.kind &&
        known.instanceId === attempt.instanceId;
      if (!isSame) this.#tell({ kind: 'attempt', session, attempt });
    }
    this.#alertOnSession(now);
  }

  #alertOnSession({ session, run, health, unconfirmedForMs, budget, state }: SessionView): void {
    const alert = (alert: string, detail: string, isSo: boolean) =>
      this.#alert(`${session}:${run}:${alert}`, { kind: 'alert', session, alert, detail }, isSo);
    alert(
      'unhealthy',
      `${health.consecutiveFailures} looks at the model of ${session} in a row failed.`,
      state === 'READY' && health.consecutiveFailures > 0,
    );
    alert(
      'unconfirmed',
      `The provider still shows an instance of ${session} after our DELETE.`,
      (unconfirmedForMs ?? 0) > UNCONFIRMED_ALERT_MS,
    );
    for (const percent of THRESHOLDS_PERCENT)
      alert(
        `budget-${percent}`,
        `${session} has spent ${percent} % of its $${budget.limitUsd}.`,
        budget.limitUsd > 0 && budget.spentUsd >= (budget.limitUsd * percent) / 100,
      );
  }

  async #lookAtBudget(): Promise<void> {
    const budget = await this.#sources.budget();
    const before = this.#budget;
    this.#budget = budget;
    if (before?.spentUsd !== budget.spentUsd || before.reservedUsd !== budget.reservedUsd)
      this.#tell({ kind: 'cost', session: null, budget, usdPerHour: null });
    for (const percent of THRESHOLDS_PERCENT) {
      const detail = `${percent} % of the budget of all sessions, $${budget.limitUsd}, is spent.`;
      this.#alert(
        `all:budget-${percent}`,
        { kind: 'alert', session: null, alert: `budget-${percent}`, detail },
        budget.spentUsd >= (budget.limitUsd * percent) / 100,
      );
    }
  }

  /** Told once when it begins to be so; told again after it was not. */
  #alert(key: string, alert: Untold, isSo: boolean): void {
    if (!isSo) this.#alerted.delete(key);
    else if (!this.#alerted.has(key)) {
      this.#alerted.add(key);
      this.#tell(alert);
    }
  }

  #tell(untold: Untold): void {
    const news = this.#numbered(untold);
    this.#kept = [...this.#kept, news].slice(-KEPT);
    for (const listener of this.#listeners) listener(news);
  }

  #numbered(untold: Untold): News {
    this.#sequence += 1;
    return { ...untold, id: `${this.#epoch}-${this.#sequence}` } as News;
  }

  #noteSilence(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    if (!this.#wasSilent) this.#logger.warn({ why }, 'cannot look for news of the sessions');
    this.#wasSilent = true;
  }
}

function stateNews({ session, state, detail, outcome }: SessionView): Untold {
  return { kind: 'state', session, state, detail, outcome };
}

function keyOf({ run, state, outcome, instanceId }: SessionSummary): string {
  return JSON.stringify([run, state, outcome, instanceId]);
}
