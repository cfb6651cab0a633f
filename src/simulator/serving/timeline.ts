/** Things to do at their times, with one timer at a time: a thousand servers each have a dozen log lines ahead. */
export class Timeline {
  readonly #startedMs = performance.now();
  #steps: { readonly atMs: number; readonly act: () => unknown }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `atMs` counts from when the timeline was made; steps of one time keep the order they were added in. */
  at(atMs: number, act: () => unknown): void {
    const after = this.#steps.findIndex((step) => step.atMs > atMs);
    this.#steps.splice(after === -1 ? this.#steps.length : after, 0, { atMs, act });
    this.#arm();
  }

  in(delayMs: number, act: () => unknown): void {
    this.at(performance.now() - this.#startedMs + delayMs, act);
  }

  /** Forgets what lies later than `atMs`. */
  clearAfter(atMs: number): void {
    this.#steps = this.#steps.filter((step) => step.atMs <= atMs);
    this.#arm();
  }

  clear(): void {
    this.#steps = [];
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#steps[0];
    if (next === undefined) return;
    const delayMs = Math.max(0, next.atMs - (performance.now() - this.#startedMs));
    this.#timer = setTimeout(() => this.#actDue(), Math.min(delayMs, TIMEOUT_MAX_MS));
  }

  #actDue(): void {
    const nowMs = performance.now() - this.#startedMs;
    // Timers may fire up to a millisecond early.
    while (this.#steps[0] !== undefined && this.#steps[0].atMs <= nowMs + 1) this.#steps.shift()?.act();
    this.#arm();
  }
}

/** Node fires longer timers at once. */
const TIMEOUT_MAX_MS = 2_147_483_647;
