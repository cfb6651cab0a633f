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
  | { readonly kind: 'session'; readonly view: SessionView }
);
type Untold = News extends infer One ? (One extends News ? Omit<One, 'id'> : never) : never;

type Sources = {
  list(filter: { open: boolean; limit: number }): Promise<{ items: SessionSummary[] }>;
  status(session: string): Promise<SessionView>;
  budget(): Promise<BudgetNumbers>;
};

const TICK_MS = 1_000;
const SESSIONS_MAX = 200;
/** Sessions that are looked at in one tick without a change of state: a thousand would each cost a query. */
const VIEWS_PER_TICK = 20;
const LOOKS_AT_ONCE = 10;
const BUDGET_EVERY_TICKS = 5;
const KEPT = 500;
const VIEWS_KEPT = 2 * SESSIONS_MAX;
const UNCONFIRMED_ALERT_MS = 120_000;
const THRESHOLDS_PERCENT = [50, 80, 100];
/** A cost is told again once it moved by this much. */
const COST_STEP_USD = 0.0001;
const BREACH_STEP_MS = 10_000;

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
  #snapshots = 0;
  /** The newest ones but for views, each with its place in the sequence. */
  #kept: { readonly at: number; readonly news: News }[] = [];
  #forgottenUpTo = 0;
  /** The newest view of each session that was told, those that ended last among them. */
  #views = new Map<string, { readonly at: number; readonly news: News }>();
  #seen = new Map<string, SessionView>();
  #summaries = new Map<string, string>();
  #alerted = new Set<string>();
  #queue: string[] = [];
  /** Open when nobody listened any more. */
  #left: string[] = [];
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
   * that is still known; otherwise every open session as it was seen last.
   */
  listen(listener: (news: News) => void, lastId: string | null): () => void {
    const at = this.#placeOf(lastId);
    if (at === null) this.#tellAllOpen(listener);
    else {
      const missed = [...this.#kept, ...this.#views.values()].filter((told) => told.at > at);
      for (const { news } of missed.sort((one, other) => one.at - other.at)) listener(news);
    }
    this.#listeners.add(listener);
    this.#loop ??= this.#run();
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Null for an id of another process, or one after which something is known no more. */
  #placeOf(id: string | null): number | null {
    const [epoch, sequence] = id?.split('-') ?? [];
    const at = Number(sequence);
    return epoch === this.#epoch && at >= this.#forgottenUpTo && at <= this.#sequence ? at : null;
  }

  /** By ids that stand before everything: who has heard a part of it when its connection breaks hears all again. */
  #tellAllOpen(listener: (news: News) => void): void {
    const tell = (untold: Untold) => {
      this.#snapshots += 1;
      listener({ ...untold, id: `${this.#epoch}-0-${this.#snapshots}` } as News);
    };
    for (const view of this.#seen.values()) {
      tell({ kind: 'session', session: view.session, view });
      tell(stateNews(view));
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#listeners.clear();
    await this.#loop;
  }

  async #run(): Promise<void> {
    for (let tick = 0; this.#listeners.size > 0 && !this.#stop.signal.aborted; tick += 1) {
      try {
        const areAllRead = await this.#look();
        if (tick % BUDGET_EVERY_TICKS === 0) await this.#lookAtBudget();
        if (areAllRead) this.#wasSilent = false;
      } catch (error) {
        this.#noteSilence(error);
      }
      await pause(TICK_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
    this.#loop = null;
    // What it knew is old by the time somebody listens again; who was open then is asked about once.
    this.#left = [...this.#seen.keys()];
    this.#seen.clear();
    this.#summaries.clear();
    this.#budget = null;
    this.#alerted.clear();
  }

  /** What is known to have changed comes first, then those whose turn it is. False where one could not be read. */
  async #look(): Promise<boolean> {
    const { items } = await this.#sources.list({ open: true, limit: SESSIONS_MAX });
    const open = new Set(items.map(({ session }) => session));
    const gone = [...this.#seen.keys(), ...this.#left].filter((session) => !open.has(session));
    const changed = items
      .filter((summary) => this.#summaries.get(summary.session) !== keyOf(summary))
      .map(({ session }) => session);
    const asked = new Set([...gone, ...changed, ...this.#inTurn(open)]);
    this.#left = [];
    this.#summaries = new Map(items.map((summary) => [summary.session, keyOf(summary)]));
    const read = await eachOf(asked, LOOKS_AT_ONCE, (session) => this.#lookAt(session, open));
    return read.every((isRead) => isRead);
  }

  #inTurn(open: ReadonlySet<string>): string[] {
    this.#queue = [...new Set([...this.#queue.filter((session) => open.has(session)), ...open])];
    return this.#queue.splice(0, VIEWS_PER_TICK);
  }

  /** One that cannot be read now is looked at again in the next tick. */
  async #lookAt(session: string, open: ReadonlySet<string>): Promise<boolean> {
    if (this.#stop.signal.aborted) return true;
    try {
      const view = await this.#sources.status(session);
      this.#compare(this.#seen.get(session) ?? null, view);
      // One that ended is forgotten once its receipt was seen; a receipt may come a moment after its last state.
      if (view.state === 'IDLE' && (view.receipt !== null || !open.has(session))) this.#seen.delete(session);
      else this.#seen.set(session, view);
      return true;
    } catch (error) {
      this.#summaries.delete(session);
      if (!open.has(session)) this.#left.push(session);
      this.#noteSilence(error);
      return false;
    }
  }

  #compare(before: SessionView | null, now: SessionView): void {
    if (before === null || sightOf(before) !== sightOf(now)) this.#tellView(now);
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
    this.#kept.push({ at: this.#sequence, news });
    if (this.#kept.length > KEPT)
      this.#forgottenUpTo = Math.max(this.#forgottenUpTo, this.#kept.shift()?.at ?? 0);
    for (const listener of this.#listeners) listener(news);
  }

  /** Of each session the newest alone is kept: it says all that those before it said. */
  #tellView(view: SessionView): void {
    const { session } = view;
    const news = this.#numbered({ kind: 'session', session, view });
    this.#views.delete(session);
    this.#views.set(session, { at: this.#sequence, news });
    if (this.#views.size > VIEWS_KEPT) this.#forgetOldestEnded();
    for (const listener of this.#listeners) listener(news);
  }

  #forgetOldestEnded(): void {
    for (const [session, { at }] of this.#views) {
      if (this.#seen.has(session)) continue;
      this.#views.delete(session);
      this.#forgottenUpTo = Math.max(this.#forgottenUpTo, at);
      return;
    }
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

/** Everything in a view, but dollars by the step in which they are told: a meter never stands still. */
function sightOf(view: SessionView): string {
  return JSON.stringify(view, (name, value: unknown) => {
    if (typeof value !== 'number') return value;
    if (name === 'spentUsd' || name === 'usd') return Math.round(value / COST_STEP_USD);
    // Computed from the same meter, so it trembles.
    return name === 'projectedBreachAtMs' ? Math.round(value / BREACH_STEP_MS) : value;
  });
}

/** What came of each, in no order. */
async function eachOf<Item, Answer>(
  items: Iterable<Item>,
  atOnceMax: number,
  act: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const waiting = [...items].values();
  const answers: Answer[] = [];
  const takeTurns = async (): Promise<void> => {
    for (const item of waiting) answers.push(await act(item));
  };
  await Promise.all(Array.from({ length: atOnceMax }, takeTurns));
  return answers;
}

function stateNews({ session, state, detail, outcome }: SessionView): Untold {
  return { kind: 'state', session, state, detail, outcome };
}

function keyOf({ run, state, outcome, instanceId }: SessionSummary): string {
  return JSON.stringify([run, state, outcome, instanceId]);
}
