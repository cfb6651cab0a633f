import type { ServingSession } from '../client.ts';

/** Where people have sent the traffic, beside what the order of providers says. */
export type Switched = {
  /** Asked before the others; null: none was switched to. */
  readonly provider: string | null;
  readonly session: string | null;
  /** Runs of sessions launched with `auto_switch: false` that were switched to. */
  readonly released: readonly string[];
};

const RELEASED_MAX = 200;

/**
 * A session launched with `auto_switch: false` gets no traffic until it is switched to, once for each run:
 * one that replaces its instance goes on serving, one that is launched anew waits again.
 */
export class Switchboard {
  version = 0;
  #switched: Switched;
  readonly #save: (switched: Switched) => void;

  constructor(switched: Switched, save: (switched: Switched) => void) {
    this.#switched = switched;
    this.#save = save;
  }

  get provider(): string | null {
    return this.#switched.provider;
  }

  get session(): string | null {
    return this.#switched.session;
  }

  isReleased(session: ServingSession): boolean {
    return session.autoSwitch !== false || this.#switched.released.includes(runOf(session));
  }

  switchTo(provider: string | null, session: ServingSession | null): void {
    const { released } = this.#switched;
    const run = session === null ? null : runOf(session);
    this.#switched = {
      provider,
      session: session?.session ?? null,
      released: run === null || released.includes(run) ? released : [...released, run].slice(-RELEASED_MAX),
    };
    this.version += 1;
    this.#save(this.#switched);
  }
}

export const NOT_SWITCHED: Switched = { provider: null, session: null, released: [] };

/** `leash.<owner>.<session>.<run>.…` */
function runOf({ label }: ServingSession): string {
  return label.split('.').slice(2, 4).join('.');
}
