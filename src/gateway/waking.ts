import type { Logger } from 'pino';
import type { Sessions } from '../client.ts';
import { Problem } from '../domain/problem.ts';
import type { SessionRequest, SessionState, SessionView } from '../domain/session.ts';
import type { Outlook } from './errors.ts';
import type { Waker } from './waiting-room.ts';

export type WakerDeps = {
  readonly sessions: Pick<Sessions, 'launch' | 'status' | 'plan'>;
  /** The session that is launched, and how. */
  readonly session: string;
  readonly request: SessionRequest;
  readonly logger: Logger;
  /** For tests: how long a look at the session is believed, and a refusal to launch. */
  readonly lookMs?: number;
  readonly refusedMs?: number;
};

/** A herd of requests makes one launch: nobody asks again while one is asked for, or was a moment ago. */
const LOOK_MS = 2_000;
/** Over budget, no credit, no worker: another request a second later would hear the same. */
const REFUSED_MS = 30_000;

/** Until READY, from a state's beginning, where no forecast is at hand: medians of common hosts. */
const TYPICAL_SECONDS: Record<SessionState, number> = {
  IDLE: 300,
  SEARCHING: 300,
  LAUNCHING: 280,
  BOOTING: 240,
  STARTING_VLLM: 90,
  READY: 2,
  DESTROYING: 330,
};
const LEAST_SECONDS = 5;

/** Launches a session when traffic finds no GPU, and tells the requests that it cannot serve yet when to come again. */
export function makeWaker(deps: WakerDeps): Waker {
  const { sessions, session, request, logger, lookMs = LOOK_MS, refusedMs = REFUSED_MS } = deps;
  let quietUntilMs = 0;
  let isAsking = false;
  let view: { readonly of: SessionView; readonly atMs: number } | null = null;
  let refusal: { readonly why: string; readonly untilMs: number } | null = null;
  let forecastMs: number | null = null;

  const look = async (): Promise<void> => {
    const { view: seen, created } = await sessions.launch({ session, request });
    view = { of: seen, atMs: Date.now() };
    refusal = null;
    if (!created) return;
    logger.info({ session, model: request.model }, 'traffic found no GPU: a session is launched');
    forecastMs = null;
    const plan = await sessions.plan({ call: 'plan', request }).catch(() => null);
    forecastMs = plan?.offers[0]?.forecast.readyMs ?? null;
  };

  return {
    isFor: (model) => model === null || model === request.model,
    wake() {
      const nowMs = Date.now();
      if (isAsking || nowMs < quietUntilMs) return;
      isAsking = true;
      void look()
        .catch(async (error: unknown) => {
          const open = isOpenAlready(error) ? await sessions.status(session).catch(() => null) : null;
          if (open !== null && open.state !== 'IDLE') {
            view = { of: open, atMs: Date.now() };
            refusal = null;
            return;
          }
          const why = error instanceof Error ? error.message : String(error);
          if (!(error instanceof Problem)) logger.error({ err: error }, 'cannot launch for traffic');
          else logger.warn({ session, kind: error.kind, why }, 'cannot launch for traffic');
          refusal = { why, untilMs: Date.now() + refusedMs };
          view = null;
        })
        .finally(() => {
          isAsking = false;
          quietUntilMs = refusal !== null ? refusal.untilMs : Date.now() + lookMs;
        });
    },
    outlook(): Outlook | null {
      const nowMs = Date.now();
      if (refusal !== null && nowMs < refusal.untilMs) {
        return {
          message: `None could be launched: ${refusal.why}`,
          retryAfterSeconds: Math.max(LEAST_SECONDS, (refusal.untilMs - nowMs) / 1_000),
        };
      }
      if (view === null) {
        return isAsking
          ? { message: LAUNCHING, retryAfterSeconds: secondsOf(forecastMs, null, nowMs) }
          : null;
      }
      return {
        message: `Session ${session} is ${view.of.state}; this goes by what such a start takes.`,
        retryAfterSeconds: secondsOf(forecastMs, view, nowMs),
      };
    },
  };
}

/** Somebody launched it with other parameters, which was what is wanted; or it is ending, and launched after that. */
function isOpenAlready(error: unknown): boolean {
  return error instanceof Problem && (error.kind === 'conflict' || error.kind === 'destroying');
}

const LAUNCHING = 'One is being launched.';

function secondsOf(
  forecastMs: number | null,
  view: { readonly of: SessionView; readonly atMs: number } | null,
  nowMs: number,
): number {
  const state = view?.of.state ?? 'SEARCHING';
  const startedAtMs = view?.of.startedAtMs ?? nowMs;
  if (forecastMs === null || state === 'READY' || state === 'DESTROYING') {
    const sinceMs = state === 'SEARCHING' ? nowMs - startedAtMs : nowMs - (view?.atMs ?? nowMs);
    return Math.max(LEAST_SECONDS, TYPICAL_SECONDS[state] - sinceMs / 1_000);
  }
  return Math.max(LEAST_SECONDS, (startedAtMs + forecastMs - nowMs) / 1_000);
}
