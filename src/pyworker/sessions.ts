import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Load } from './load.ts';
import { jsonBody, type Model } from './model.ts';
import type { AuthData } from './wrapper.ts';

/** A caller's hold on this worker: its requests come here, and its cost is load, until it ends or runs out. */
export type Session = {
  readonly id: string;
  readonly authData: AuthData;
  /** Seconds, by which each request makes it live longer. */
  readonly lifetime: number;
  readonly createdAtSec: number;
  readonly onCloseRoute: string | null;
  readonly onClosePayload: unknown;
  expiresAtSec: number;
  /** Ends what of it is at the model. */
  readonly running: Set<{ stop(): void }>;
};

const ID_LENGTH = 13;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SWEEP_MS = 1_000;
const LAST_WORDS_MS = 10_000;
const LIFETIME_SECONDS = 60;

export type SessionsDeps = {
  readonly max: number | null;
  readonly load: Load;
  readonly model: Model;
  readonly logger: Logger;
};

/** All sessions of a worker, closed as they run out. */
export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #open = new Map<string, { session: Session; load: { close(): void } }>();
  readonly #sweep: NodeJS.Timeout;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    this.#sweep = setInterval(() => this.#closeExpired(), SWEEP_MS);
    this.#sweep.unref();
  }

  get size(): number {
    return this.#open.size;
  }

  /** Null when there are as many as there may be. */
  create(authData: AuthData, payload: Readonly<Record<string, unknown>>): Session | null {
    const { max, load } = this.#deps;
    if (max !== null && max !== 0 && this.#open.size >= max) return null;
    const lifetime = Number.isFinite(Number(payload.lifetime ?? undefined))
      ? Number(payload.lifetime)
      : LIFETIME_SECONDS;
    const nowSec = Date.now() / 1_000;
    const session: Session = {
      id: Array.from({ length: ID_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join(''),
      authData,
      lifetime,
      createdAtSec: nowSec,
      onCloseRoute: typeof payload.on_close_route === 'string' ? payload.on_close_route : null,
      onClosePayload: payload.on_close_payload ?? null,
      expiresAtSec: nowSec + lifetime,
      running: new Set(),
    };
    const cost = costOf(authData);
    this.#open.set(session.id, { session, load: load.openSession({ requestIdx: indexOf(authData), cost }) });
    return session;
  }

  find(id: string): Session | null {
    return this.#open.get(id)?.session ?? null;
  }

  /** Ends it and what of it runs, tells the model, and gives its load back. False when it was closed before. */
  async close({ id }: Session): Promise<boolean> {
    const open = this.#open.get(id);
    if (open === undefined) return false;
    this.#open.delete(id);
    for (const running of [...open.session.running]) running.stop();
    await this.#lastWords(open.session);
    open.load.close();
    return true;
  }

  async closeAll(): Promise<void> {
    clearInterval(this.#sweep);
    await Promise.all([...this.#open.values()].map(({ session }) => this.close(session)));
  }

  #closeExpired(): void {
    const nowSec = Date.now() / 1_000;
    for (const { session } of this.#open.values()) {
      if (session.expiresAtSec > nowSec) continue;
      this.#deps.logger.info({ session: session.id }, 'session ran out');
      void this.close(session);
    }
  }

  /** As well as it goes: a model that does not listen holds nothing up for long. */
  async #lastWords({ id, onCloseRoute, onClosePayload }: Session): Promise<void> {
    if (onCloseRoute === null) return;
    const said = typeof onClosePayload === 'object' && onClosePayload !== null ? onClosePayload : {};
    const body = jsonBody({ ...said, session_id: id });
    await this.#deps.model.ask(onCloseRoute, body, LAST_WORDS_MS).catch((error: unknown) => {
      this.#deps.logger.warn(
        { session: id, why: String(error) },
        'the model was not told that a session ended',
      );
    });
  }
}

/** As a whole JSON value, in whatever order. */
export function isOwner(session: Session, proof: unknown): boolean {
  return isDeepStrictEqual(session.authData, proof);
}

/** The engine's number for a request; 0 where it is none. */
export function indexOf({ request_idx: index }: AuthData): number {
  return Number.isFinite(Number(index)) ? Number(index) : 0;
}

function costOf({ cost }: AuthData): number {
  return Number.isFinite(Number(cost)) ? Math.max(0, Number(cost)) : 0;
}
