import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../src/simulator/random.ts';
import { AUDIT_SCHEDULE_ID, ledgerWorkflowId, REAP_SCHEDULE_ID } from '../../src/workflows/ids.ts';
import type { Air } from './air.ts';
import { type CrashPoint, nameOf } from './crash-points.ts';
import type { Killed, Meddling, Mishap, Step } from './plan.ts';
import type { Program } from './programs.ts';
import type { Hand } from './records.ts';
import type { Stack } from './stack.ts';

/** How long a crash point may take until its call comes by itself, and then when it is provoked. */
const COMES_BY_ITSELF_MS = 2_500;
const PROVOKED_MS = 12_000;
const PROVOKE_AGAIN_MS = 3_000;
const CALL_MS = 10_000;

export type Tally = {
  readonly crashPoints: Record<string, number>;
  readonly kills: Record<Killed | 'suspended', number>;
  readonly faults: Record<string, number>;
};

/** Makes things go wrong on one stack, one crash at a time and other mishaps beside them, and keeps count. */
export class Mischief {
  readonly #stack: Stack;
  readonly #air: Air;
  readonly #points: readonly CrashPoint[];
  readonly #startedAtMs = Date.now();
  readonly tally: Tally;
  readonly hands: Hand[] = [];
  /** Everything that was done, as it can be played again. */
  readonly done: Step[] = [];
  /** Labels that contracts had before somebody changed them, by their ids. */
  readonly renamed = new Map<number, string>();
  #isOver = false;
  #crashes = 0;
  #turns = 0;

  constructor(stack: Stack, air: Air, points: readonly CrashPoint[]) {
    this.#stack = stack;
    this.#air = air;
    this.#points = points;
    this.tally = {
      crashPoints: Object.fromEntries(points.map((point) => [nameOf(point), 0])),
      kills: { worker: 0, server: 0, temporal: 0, postgres: 0, suspended: 0 },
      faults: {},
    };
  }

  stop(): void {
    this.#isOver = true;
  }

  /** Kills at crash points, the one least hit so far first, until stopped. */
  async crash(): Promise<void> {
    const random = seededRandom(this.#stack.seed, 'crashes');
    const order = [...this.#points]
      .map((point) => ({ point, rank: random.next() }))
      .sort((a, b) => a.rank - b.rank);
    const tries = new Map<string, number>();
    while (!this.#isOver) {
      const least = order
        .map(({ point }) => point)
        .reduce((best, point) => (this.#rank(point, tries) < this.#rank(best, tries) ? point : best));
      tries.set(nameOf(least), (tries.get(nameOf(least)) ?? 0) + 1);
      await this.#do({ do: 'crash', ...least });
      this.#crashes += 1;
      // Now and then a spell in which what was interrupted is taken up; the time-outs of calls are 20 to 45 s.
      const isSpell = this.#crashes % 20 === 0;
      await this.#rest(isSpell ? random.between(20, 40) : random.between(1, 4));
    }
  }

  /** Meddles with a session that was just launched, at its time. */
  async follow(meddling: Meddling | null): Promise<void> {
    if (meddling === null) return;
    await this.#rest(meddling.afterSeconds);
    if (!this.#isOver) await this.#do(meddling);
  }

  /** Other mishaps, each at its time. */
  async play(steps: readonly Step[]): Promise<void> {
    for (const { atSeconds, mishap } of steps) {
      await this.#rest(atSeconds - this.#seconds());
      if (this.#isOver) return;
      await this.#do(mishap);
    }
  }

  /** Hits count most, then how often it was tried in vain: a call that does not come must not hold up the rest. */
  #rank(point: CrashPoint, tries: ReadonlyMap<string, number>): number {
    const name = nameOf(point);
    const hits = this.tally.crashPoints[name] ?? 0;
    return hits + 0.5 * Math.max(0, (tries.get(name) ?? 0) - hits);
  }

  async #do(mishap: Mishap): Promise<void> {
    const atSeconds = Math.round(this.#seconds() * 10) / 10;
    try {
      if (await this.#happens(mishap)) this.done.push({ atSeconds, mishap });
    } catch {
      // What it was to be done to is dead just now.
    }
  }

  /** True when it came to pass. */
  async #happens(mishap: Mishap): Promise<boolean> {
    switch (mishap.do) {
      case 'crash':
        return this.#crashAt(mishap);
      case 'kill':
        return this.#kill(mishap.what);
      case 'suspend':
        return this.#suspend(mishap.seconds);
      case 'terminate-ledger':
        await this.#terminate(ledgerWorkflowId(this.#stack.owner));
        this.#note('terminate-ledger', null);
        return true;
      case 'fault': {
        await this.#stack.market.addFault(mishap.script);
        const name = String(mishap.script.fault);
        this.tally.faults[name] = (this.tally.faults[name] ?? 0) + 1;
        return true;
      }
      default:
        return this.#meddle(mishap);
    }
  }

  async #crashAt({ call, moment }: { call: string; moment: string }): Promise<boolean> {
    const { market } = this.#stack;
    const worker = this.#nextWorker();
    // Not only one that says it works: a worker takes up work before that, and is killed then too.
    const pid = worker.pid ?? (await worker.successorOf(null, 10_000));
    if (pid === null || !(await market.armKill(call, moment, pid))) return false;
    worker.expectEnd(pid);
    let hasEnded = await endOf(worker, pid, COMES_BY_ITSELF_MS);
    const untilMs = Date.now() + PROVOKED_MS;
    while (!hasEnded && Date.now() < untilMs) {
      void this.#provoke(call).catch(() => undefined);
      hasEnded = await endOf(worker, pid, PROVOKE_AGAIN_MS);
    }
    await market.disarm();
    if (!hasEnded) return false;
    const name = `${call} ${moment}`;
    this.tally.crashPoints[name] = (this.tally.crashPoints[name] ?? 0) + 1;
    this.tally.kills.worker += 1;
    return true;
  }

  /** One after the other, where there are several. */
  #nextWorker(): Program {
    const { workers } = this.#stack;
    this.#turns += 1;
    return workers[this.#turns % workers.length] ?? this.#stack.worker;
  }

  /** Makes the call be made that does not come by itself. */
  async #provoke(call: string): Promise<void> {
    const { client, api } = this.#stack;
    const [open] = this.#air.openNames;
    switch (call) {
      case 'charges':
      case 'invoices':
        return this.#bounded(() => client.schedule.getHandle(AUDIT_SCHEDULE_ID).trigger());
      case 'list':
      case 'volumes':
        return this.#bounded(() => client.schedule.getHandle(REAP_SCHEDULE_ID).trigger());
      case 'label':
        await this.#rename();
        return this.#bounded(() => client.schedule.getHandle(REAP_SCHEDULE_ID).trigger());
      case 'logs': {
        const names = [...this.#air.readyNames, ...this.#air.openNames].slice(0, 4);
        await Promise.all(names.map((name) => api.once('GET', `sessions/${name}/logs?lines=20`)));
        return;
      }
      case 'search':
      case 'user':
        await api.once('POST', 'plan', { max_usd_per_hour: 3 + Math.random() });
        return;
      case 'show':
      case 'destroy':
        if (open !== undefined) await api.once('POST', 'vllm/destroy', { session: open });
        return;
      default:
        return;
    }
  }

  /** As somebody does in the provider's console, which shows what is listed; the reaper puts it back. */
  async #rename(): Promise<void> {
    const { market, owner } = this.#stack;
    const ours = (await market.contracts()).filter(
      ({ label, destroy_requested_at, listed_at, state }) =>
        label?.startsWith(`leash.${owner}.`) &&
        listed_at !== null &&
        destroy_requested_at === null &&
        state === 'running',
    );
    const chosen = ours.at(-1);
    if (chosen?.label == null) return;
    this.renamed.set(chosen.id, chosen.label);
    await market.rename(chosen.id, 'renamed in the console');
  }

  async #kill(what: Killed): Promise<boolean> {
    if (what === 'temporal' || what === 'postgres') {
      await this.#stack.killTemporal(what);
    } else {
      const program = what === 'worker' ? this.#nextWorker() : this.#stack.server;
      const { pid } = program;
      if (pid === null || !program.kill(pid)) return false;
    }
    this.tally.kills[what] += 1;
    return true;
  }

  /** Stopped as if its machine slept; another works meanwhile, and it wakes beside that, with all it had begun. */
  async #suspend(seconds: number): Promise<boolean> {
    const worker = this.#nextWorker();
    const pid = await worker.working(30_000);
    if (pid === null) return false;
    const sleeper = worker.detach();
    if (sleeper === null) return false;
    sleeper.kill('SIGSTOP');
    this.#note('suspend', null);
    this.tally.kills.suspended += 1;
    await this.#rest(seconds);
    sleeper.kill('SIGCONT');
    await this.#rest(6);
    sleeper.kill('SIGKILL');
    this.tally.kills.worker += 1;
    return true;
  }

  async #meddle(mishap: Extract<Mishap, { pick: number }>): Promise<boolean> {
    const { do: did, pick } = mishap;
    const names = this.#air.openNames;
    const session = 'session' in mishap ? mishap.session : names[Math.floor(pick * names.length)];
    if (session === undefined) return false;
    const id = `session/${session}`;
    if (did === 'terminate') await this.#terminate(id);
    else if (did === 'cancel') await this.#bounded(() => this.#stack.client.workflow.getHandle(id).cancel());
    else await this.#reset(id, pick);
    this.#note(did, session);
    return true;
  }

  async #terminate(workflowId: string): Promise<void> {
    const { client } = this.#stack;
    await this.#bounded(() => client.workflow.getHandle(workflowId).terminate('from outside'));
  }

  /** To one of the points that the Web UI offers: a workflow task that was completed. */
  async #reset(workflowId: string, pick: number): Promise<void> {
    const { client } = this.#stack;
    const { events } = await client.withDeadline(Date.now() + CALL_MS, () =>
      client.workflow.getHandle(workflowId).fetchHistory(),
    );
    const completed = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
    const chosen = completed[Math.floor(((pick * 997) % 1) * completed.length)];
    if (chosen?.eventId === undefined || chosen.eventId === null) throw new Error('Nothing to reset to.');
    const { eventId } = chosen;
    await this.#bounded(() =>
      client.workflowService.resetWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId },
        reason: 'from outside',
        workflowTaskFinishEventId: eventId,
        requestId: crypto.randomUUID(),
      }),
    );
  }

  async #bounded(act: () => Promise<unknown>): Promise<void> {
    await this.#stack.client.withDeadline(Date.now() + CALL_MS, act);
  }

  #note(did: Hand['did'], session: string | null): void {
    this.hands.push({ atMs: Date.now(), did, session });
  }

  #seconds(): number {
    return (Date.now() - this.#startedAtMs) / 1_000;
  }

  /** Ends at once when all is over. */
  async #rest(seconds: number): Promise<void> {
    const untilMs = Date.now() + seconds * 1_000;
    while (!this.#isOver && Date.now() < untilMs)
      await pause(Math.min(200, Math.max(1, untilMs - Date.now())));
  }
}

async function endOf(worker: Program, pid: number, withinMs: number): Promise<boolean> {
  const untilMs = Date.now() + withinMs;
  while (!worker.hasEnded(pid) && Date.now() < untilMs) await pause(40);
  return worker.hasEnded(pid);
}
