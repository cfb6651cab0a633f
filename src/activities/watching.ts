import { setTimeout as pause } from 'node:timers/promises';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import { MarketError } from '../vast/client.ts';

/**
 * Runs `watch` while a heartbeat goes out every `heartbeatMs`, whatever the interval of its looks: a slow look
 * must not read as a dead worker. `details` is what people see under *Pending activities*.
 */
export async function whileBeating<Result>(
  options: { readonly heartbeatMs: number; readonly details: () => unknown },
  watch: () => Promise<Result>,
): Promise<Result> {
  heartbeat(options.details());
  const beat = setInterval(() => heartbeat(options.details()), options.heartbeatMs);
  try {
    return await watch();
  } finally {
    clearInterval(beat);
  }
}

const ALIVE_MS = 4_000;

/** Runs a short activity under a heartbeat that says nothing; one that is over before the first beat sends none. */
export async function whileAlive<Result>(act: () => Promise<Result>): Promise<Result> {
  const beat = setInterval(() => heartbeat(), ALIVE_MS);
  try {
    return await act();
  } finally {
    clearInterval(beat);
  }
}

/** Waits, and throws at once when the activity is cancelled. */
export function rest(ms: number): Promise<void> {
  return pause(Math.max(1, ms), undefined, { signal: cancellationSignal() });
}

/** The answer, or null when the market could not be asked just now: an error of our looking, never a fact of the instance. */
export async function unlessUnreachable<Answer>(ask: () => Promise<Answer>): Promise<Answer | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof MarketError) return null;
    throw error;
  }
}
