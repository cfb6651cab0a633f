/**
 * A circuit breaker: keeps requests away from a target that fails, and finds out when it no longer does.
 *
 * 1. Open: no request goes there while another target can take it. Half-open: one does, as the probe.
 * 2. What a request says counts only for the spell it was begun in: those that were under way when the
 *    breaker opened must neither lengthen its rest nor close it.
 * 3. A rest that the target itself asked for (429 with Retry-After) is kept to the second.
 */
export class Breaker {
  readonly #rules: BreakerRules;
  #state: 'closed' | 'open' = 'closed';
  #spell = 0;
  #openUntilMs = 0;
  #restMs: number;
  #isAsked = false;
  #isProbing = false;
  #failuresInRow = 0;
  /** The newest outcomes, true for a failure: a ring. */
  readonly #outcomes: boolean[] = [];
  #next = 0;
  #failures = 0;

  constructor(rules: BreakerRules = BREAKER_RULES) {
    this.#rules = rules;
    this.#restMs = rules.restMs;
  }

  state(nowMs: number): BreakerState {
    if (this.#state === 'closed') return 'closed';
    return nowMs >= this.#openUntilMs ? 'half-open' : 'open';
  }

  /** When it opens a crack again; 0 while closed. */
  get openUntilMs(): number {
    return this.#state === 'closed' ? 0 : this.#openUntilMs;
  }

  /** Whether a request may be begun here before any other place. */
  allows(nowMs: number): boolean {
    return this.#state === 'closed' || (!this.#isProbing && nowMs >= this.#openUntilMs);
  }

  /** Whether one may be begun where no other place is left: all but what rule 3 keeps away. */
  allowsLast(nowMs: number): boolean {
    return !this.#isAsked || nowMs >= this.#openUntilMs;
  }

  /** Counts a request in. Its ticket is given back once, to `succeed`, `fail` or `release`. */
  begin(): Ticket {
    const isProbe = this.#state === 'open' && !this.#isProbing;
    if (isProbe) this.#isProbing = true;
    return { spell: this.#spell, isProbe };
  }

  succeed(ticket: Ticket): void {
    if (ticket.isProbe && ticket.spell === this.#spell) {
      this.#close();
      return;
    }
    if (this.#isOld(ticket)) return;
    this.#failuresInRow = 0;
    this.#note(false);
  }

  fail(ticket: Ticket, nowMs: number): void {
    if (ticket.isProbe && ticket.spell === this.#spell) {
      this.#restMs = Math.min(this.#restMs * 2, this.#rules.restMsMax);
      this.#open(nowMs, this.#restMs);
      return;
    }
    if (this.#isOld(ticket)) return;
    this.#failuresInRow += 1;
    this.#note(true);
    if (this.#failuresInRow >= this.#rules.failuresInRow || this.#isFailingOften()) {
      this.#open(nowMs, this.#restMs);
    }
  }

  /** It said nothing of the target: the caller went away. */
  release(ticket: Ticket): void {
    if (ticket.isProbe && ticket.spell === this.#spell) this.#isProbing = false;
  }

  /** The target asked to be left alone. */
  restFor(ms: number, nowMs: number): void {
    this.#open(nowMs, Math.min(ms, this.#rules.askedMsMax));
    this.#isAsked = true;
  }

  /** Forgets what was seen: somebody knows better. */
  reset(): void {
    this.#spell += 1;
    this.#close();
  }

  #isOld(ticket: Ticket): boolean {
    return this.#state === 'open' || ticket.spell !== this.#spell;
  }

  #open(nowMs: number, forMs: number): void {
    this.#state = 'open';
    this.#spell += 1;
    this.#openUntilMs = nowMs + forMs;
    this.#isProbing = false;
    this.#isAsked = false;
  }

  #close(): void {
    this.#state = 'closed';
    this.#restMs = this.#rules.restMs;
    this.#isProbing = false;
    this.#isAsked = false;
    this.#failuresInRow = 0;
    this.#outcomes.length = 0;
    this.#next = 0;
    this.#failures = 0;
  }

  #note(isFailure: boolean): void {
    if (this.#outcomes[this.#next] === true) this.#failures -= 1;
    if (isFailure) this.#failures += 1;
    this.#outcomes[this.#next] = isFailure;
    this.#next = (this.#next + 1) % this.#rules.window;
  }

  #isFailingOften(): boolean {
    const seen = this.#outcomes.length;
    return seen >= this.#rules.window / 2 && this.#failures >= seen * this.#rules.failureShare;
  }
}

export type BreakerState = 'closed' | 'open' | 'half-open';
export type Ticket = { readonly spell: number; readonly isProbe: boolean };

export type BreakerRules = {
  /** Opens after so many failures in a row… */
  readonly failuresInRow: number;
  /** …or when this share of the newest `window` requests failed. */
  readonly failureShare: number;
  readonly window: number;
  /** First rest; each probe that fails doubles it. */
  readonly restMs: number;
  readonly restMsMax: number;
  readonly askedMsMax: number;
};

export const BREAKER_RULES: BreakerRules = {
  failuresInRow: 3,
  failureShare: 0.5,
  window: 20,
  restMs: 5_000,
  restMsMax: 60_000,
  askedMsMax: 300_000,
};
