import { setTimeout as pause } from 'node:timers/promises';
import type { StatusAnswer } from '../../src/admin/answers.ts';
import { type Launches, launchesOf, type SessionPlan } from './plan.ts';
import type { LaunchOutcome, SessionRecord, Sighting } from './records.ts';
import type { Stack } from './stack.ts';

export type AirOptions = {
  readonly together: number;
  readonly sessions: number;
  /** No launch after it; null: until all are launched. */
  readonly untilMs: number | null;
  readonly onLaunch: (plan: SessionPlan) => void;
};

type Flight = { record: SessionRecord; isOver: boolean };

const BOARD_MS = 2_500;
/** A start shows in Temporal's lists a little later. */
const VISIBLE_MS = 4_000;

/** Keeps a stack's sessions in the air: launches them by plan, does to each what its plan says, sees each end. */
export class Air {
  readonly #stack: Stack;
  readonly #options: AirOptions;
  readonly #flights: Flight[] = [];
  readonly sightings: Sighting[] = [];
  readonly #running: Promise<void>[] = [];
  /** State of each open session, by Temporal's lists; null before the first. */
  #board: ReadonlyMap<string, string> | null = null;
  #boardAtMs = 0;
  #index = 0;
  #isClosed = false;

  constructor(stack: Stack, options: AirOptions) {
    this.#stack = stack;
    this.#options = options;
  }

  get records(): SessionRecord[] {
    return this.#flights.map(({ record }) => record);
  }

  get launched(): number {
    return this.#flights.length;
  }

  get open(): number {
    return this.#flights.filter(({ isOver }) => !isOver).length;
  }

  /** Names of the sessions that Temporal runs now. */
  get openNames(): string[] {
    return [...(this.#board?.keys() ?? [])];
  }

  /** Those of them that serve. */
  get readyNames(): string[] {
    return [...(this.#board ?? [])].filter(([, state]) => state === 'READY').map(([name]) => name);
  }

  /** Launches until there is no more to launch; sessions go on after it. */
  async fill(): Promise<void> {
    void this.#watchBoard();
    while (this.launched < this.#options.sessions && !this.#isTimeUp()) {
      if (this.open >= this.#options.together) {
        await pause(300);
        continue;
      }
      this.#launch(launchesOf(this.#stack.seed, this.#index));
      this.#index += 1;
      // Not all in one moment: a stack that has just started would be asked for everything at once.
      await pause(150);
    }
  }

  /** Waits for all that were launched; false when some had not ended in time. */
  async land(withinMs: number): Promise<boolean> {
    const untilMs = Date.now() + withinMs;
    while (this.open > 0 && Date.now() < untilMs) await pause(500);
    const isAllOver = this.open === 0;
    this.#isClosed = true;
    await Promise.all(this.#running);
    return isAllOver;
  }

  #isTimeUp(): boolean {
    return this.#options.untilMs !== null && Date.now() >= this.#options.untilMs;
  }

  #launch(launches: Launches): void {
    for (const plan of launches) {
      const record: SessionRecord = {
        plan,
        launchedAtMs: Date.now(),
        launch: 'unanswered',
        said: null,
        status: null,
        firstReceipt: null,
        isOpen: true,
      };
      const flight: Flight = { record, isOver: false };
      this.#flights.push(flight);
      this.#running.push(this.#fly(flight));
      this.#options.onLaunch(plan);
    }
  }

  async #fly(flight: Flight): Promise<void> {
    const { plan } = flight.record;
    const answer = await this.#stack.api.call('POST', 'vllm/launch', plan.body);
    const launch = outcomeOf(answer);
    const said = launch === 'accepted' ? null : String(answer?.body.detail ?? 'nothing');
    flight.record = { ...flight.record, launch, said };
    if (launch !== 'over-budget' && launch !== 'refused') {
      await this.#act(plan, flight.record.launchedAtMs);
      await this.#until(() => !this.#isListed(plan.session, flight.record.launchedAtMs));
    }
    const status = await this.#statusOf(plan.session);
    const firstReceipt = status?.receipt ?? null;
    flight.record = {
      ...flight.record,
      status,
      firstReceipt,
      isOpen: this.#board?.has(plan.session) === true,
    };
    flight.isOver = true;
  }

  /** Does to it what its plan says, as soon as that can be done. */
  async #act(plan: SessionPlan, launchedAtMs: number): Promise<void> {
    if (plan.ends === 'destroy-early') {
      await pause(plan.afterSeconds * 1_000);
      await this.#destroy(plan.session);
      return;
    }
    await this.#until(
      () => this.#board?.get(plan.session) === 'READY' || !this.#isListed(plan.session, launchedAtMs),
    );
    if (this.#board?.get(plan.session) !== 'READY') return;
    await this.#see(plan.session);
    await pause(Math.min(plan.afterSeconds, plan.body.keep_alive_minutes * 40) * 1_000);
    switch (plan.ends) {
      case 'destroy':
        await this.#destroy(plan.session);
        return;
      case 'extend':
        await this.#stack.api.call('POST', 'vllm/extend', {
          session: plan.session,
          additional_minutes: plan.extendMinutes,
        });
        return;
      case 'signals':
        await this.#signal(plan.session, 'touch');
        await this.#signal(plan.session, 'extend', { additional_minutes: plan.extendMinutes });
        return;
      case 'budget':
      case 'lifetime':
        await this.#keepBusy(plan.session);
        return;
      default:
        return;
    }
  }

  /** Counted as used until something else ends it. */
  async #keepBusy(session: string): Promise<void> {
    while (this.#board?.get(session) === 'READY' && !this.#isClosed) {
      await this.#signal(session, 'touch');
      await pause(2_500);
    }
  }

  async #destroy(session: string): Promise<void> {
    await this.#stack.api.call('POST', 'vllm/destroy', { session });
  }

  /** From the Web UI, so to say: nothing of ours but Temporal is needed. One that cannot be sent is let go. */
  async #signal(session: string, name: string, argument?: object): Promise<void> {
    const { client } = this.#stack;
    await client
      .withDeadline(Date.now() + 5_000, () =>
        client.workflow.getHandle(`session/${session}`).signal(name, ...(argument ? [argument] : [])),
      )
      .catch(() => undefined);
  }

  /** What the API says of it now, to be held against the provider's books. */
  async #see(session: string): Promise<void> {
    const askedAtMs = Date.now();
    const answer = await this.#stack.api.once('GET', `vllm/status?session=${session}`);
    if (answer?.status !== 200) return;
    const { state, instance_id } = answer.body as StatusAnswer;
    this.sightings.push({ atMs: askedAtMs, session, state, instanceId: instance_id });
  }

  async #statusOf(session: string): Promise<StatusAnswer | null> {
    const answer = await this.#stack.api.call('GET', `vllm/status?session=${session}`);
    return answer?.status === 200 ? (answer.body as StatusAnswer) : null;
  }

  #isListed(session: string, launchedAtMs: number): boolean {
    return this.#boardAtMs < launchedAtMs + VISIBLE_MS || this.#board?.has(session) === true;
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.#isClosed) await pause(250);
  }

  async #watchBoard(): Promise<void> {
    const { client } = this.#stack;
    for (let round = 0; !this.#isClosed; round += 1) {
      const askedAtMs = Date.now();
      try {
        this.#board = await client.withDeadline(Date.now() + 8_000, () => readBoard(this.#stack));
        this.#boardAtMs = askedAtMs;
        if (round % 2 === 0) await this.#noteSpent();
      } catch {
        // Temporal is dead just now; what was seen last holds.
      }
      await pause(BOARD_MS);
    }
  }

  async #noteSpent(): Promise<void> {
    const answer = await this.#stack.api.once('GET', 'budget');
    if (typeof answer?.body.spent_usd === 'number') this.#stack.noteSpent(answer.body.spent_usd);
  }
}

async function readBoard({ client }: Stack): Promise<Map<string, string>> {
  const board = new Map<string, string>();
  const query = "WorkflowType = 'gpuSession' AND ExecutionStatus = 'Running'";
  for await (const { workflowId, searchAttributes } of client.workflow.list({ query, pageSize: 200 })) {
    board.set(workflowId.slice('session/'.length), String(searchAttributes?.SessionState?.[0] ?? ''));
  }
  return board;
}

function outcomeOf(answer: Awaited<ReturnType<Stack['api']['call']>>): LaunchOutcome {
  if (answer === null) return 'unanswered';
  const { status, body } = answer;
  if (status === 200 || status === 202) return body.accepted === null ? 'unjudged' : 'accepted';
  if (status === 402 && body.kind === 'over-budget') return 'over-budget';
  return status === 503 ? 'unanswered' : 'refused';
}
