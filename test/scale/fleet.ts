import { setTimeout as pause } from 'node:timers/promises';
import type { ScaleStack } from './stack.ts';

/** Launches that have not become READY yet: more would only wait for each other. */
const TOGETHER = 40;
const READY_MS = 30 * 60_000;
const LOOK_MS = 1_000;

/** Sessions that stay open for hours: nobody uses them, and nothing but us ends them. */
const ORDER = { keep_alive_minutes: 600, max_lifetime_minutes: 720, budget_usd: 500 } as const;

/** The sessions of a bench, from the first to the last. */
export class Fleet {
  readonly #stack: ScaleStack;
  readonly sessions: string[] = [];
  /** Ended by the bench on purpose. */
  readonly #ended = new Set<string>();

  constructor(stack: ScaleStack) {
    this.#stack = stack;
  }

  /** Launches until there are `count`; here when all are READY. Throws when one cannot be launched. */
  async growTo(count: number): Promise<void> {
    const untilMs = Date.now() + READY_MS;
    while (this.sessions.length < count) {
      const ready = await this.#stack.countReady();
      const room = Math.min(TOGETHER - (this.sessions.length - ready), count - this.sessions.length);
      await Promise.all(Array.from({ length: Math.max(0, room) }, () => this.#launch()));
      if (room <= 0) await pause(LOOK_MS);
      if (Date.now() > untilMs) throw new Error(`${ready} of ${count} sessions are READY in time.`);
    }
    await this.allReady(untilMs);
  }

  /** Here when every session that was not ended is READY. */
  async allReady(untilMs: number): Promise<void> {
    for (;;) {
      const ready = await this.#stack.countReady();
      const wanted = this.sessions.length - this.#ended.size;
      if (ready >= wanted) return;
      if (Date.now() > untilMs) throw new Error(`${ready} of ${wanted} sessions are READY in time.`);
      await pause(LOOK_MS);
    }
  }

  /** The newest ones that are open, which are left out from here on. */
  take(count: number): string[] {
    const open = this.sessions.filter((session) => !this.#ended.has(session));
    const taken = open.slice(-count);
    for (const session of taken) this.#ended.add(session);
    return taken;
  }

  open(): string[] {
    return this.sessions.filter((session) => !this.#ended.has(session));
  }

  async #launch(): Promise<void> {
    const session = `s${this.sessions.length}`;
    this.sessions.push(session);
    const answer = await this.#stack.api.call('POST', 'vllm/launch', { session, ...ORDER });
    if (answer?.status !== 202) throw new Error(`${session} cannot be launched: ${JSON.stringify(answer)}`);
  }
}
