import { noReadySession, type OpenAiError, type Outlook, routeNotServed, unknownModel } from './errors.ts';
import type { Provider } from './providers/provider.ts';
import type { Router, Wanted } from './routing.ts';
import type { Target } from './target.ts';

/** Starts a GPU when traffic finds none, and knows how long that will take. */
export type Waker = {
  /** Whether a request for this model is one that a session would be started for. */
  isFor(model: string | null): boolean;
  /** Starts a session unless one is under way; cheap to call with every request. */
  wake(): void;
  /** What is known of the session that is starting; null where none is. */
  outlook(): Outlook | null;
};

type Guest = {
  readonly tried: readonly Target[];
  /** False once a target has seen the request: then a failure is at hand that can be told. */
  readonly mayWait: boolean;
  /** When a target that rests may be asked again. */
  readonly readyAtMs: number | null;
  readonly onReady: () => void;
  readonly onRefused: (error: OpenAiError) => void;
};

type Waiting = Guest & { readonly wanted: Wanted; readonly untilMs: number };

const LOOK_MS = 100;

/** Where requests wait for somebody to serve them: for as long as the setting says, else they are refused at once. */
export class WaitingRoom {
  readonly #router: Router;
  readonly #waker: Waker | null;
  readonly #waitMs: number;
  readonly #waiting = new Set<Waiting>();
  #looks: NodeJS.Timeout | null = null;

  constructor(options: { router: Router; waker: Waker | null; waitMs: number }) {
    this.#router = options.router;
    this.#waker = options.waker;
    this.#waitMs = options.waitMs;
  }

  /** A request goes to another provider although a GPU was meant to come before it. */
  notePassedOver({ model, route }: Wanted, provider: Provider): void {
    if (this.#waker === null || provider.name === 'vastai') return;
    if (!this.#waker.isFor(model)) return;
    const order = this.#router.order(model);
    const gpu = order.find(({ name }) => name === 'vastai');
    if (gpu === undefined || order.indexOf(gpu) > order.indexOf(provider)) return;
    if (gpu.candidates(model, route).length === 0) this.#waker.wake();
  }

  /** Waits until somebody may serve, or says at once why nobody does. What it returns ends the wait. */
  enter(wanted: Wanted, guest: Guest): (() => void) | null {
    const isWakeable = this.#waker?.isFor(wanted.model) === true;
    if (guest.mayWait && isWakeable) this.#waker?.wake();
    const refusal = this.#refusalOf(wanted, guest);
    if (this.#waitMs === 0 || !guest.mayWait || refusal.status === 404) {
      guest.onRefused(refusal);
      return null;
    }
    const waiting = { ...guest, wanted, untilMs: Date.now() + this.#waitMs };
    this.#waiting.add(waiting);
    this.#looks ??= setInterval(() => this.#look(), LOOK_MS);
    return () => this.#leave(waiting);
  }

  outlook(): Outlook | null {
    return this.#waker?.outlook() ?? null;
  }

  close(): void {
    for (const waiting of this.#waiting) waiting.onRefused(this.#refusalOf(waiting.wanted, waiting));
    this.#waiting.clear();
    if (this.#looks !== null) clearInterval(this.#looks);
    this.#looks = null;
  }

  #look(): void {
    const nowMs = Date.now();
    for (const waiting of [...this.#waiting]) {
      const isReady = this.#router.choose(waiting.wanted, waiting.tried, nowMs).kind === 'candidate';
      if (!isReady && nowMs < waiting.untilMs) continue;
      this.#leave(waiting);
      if (isReady) waiting.onReady();
      else waiting.onRefused(this.#refusalOf(waiting.wanted, waiting));
    }
  }

  #leave(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0 || this.#looks === null) return;
    clearInterval(this.#looks);
    this.#looks = null;
  }

  #refusalOf({ model, route }: Wanted, { tried, readyAtMs }: Guest): OpenAiError {
    const models = this.#router.models();
    const isWakeable = this.#waker?.isFor(model) === true;
    if (model !== null && tried.length === 0 && models.length > 0 && !isWakeable && readyAtMs === null) {
      if (!this.#router.serves(model)) return unknownModel(model, models);
      if (this.#router.everywhere({ model, route }).length === 0) {
        return routeNotServed(`No provider of ${JSON.stringify(model.slice(0, 200))} has /v1/${route}.`);
      }
    }
    const outlook = this.#waker?.outlook() ?? null;
    if (outlook !== null || readyAtMs === null) return noReadySession(outlook);
    return noReadySession({
      message: 'Every provider of it rests after failures.',
      retryAfterSeconds: Math.max(1, (readyAtMs - Date.now()) / 1_000),
    });
  }
}
