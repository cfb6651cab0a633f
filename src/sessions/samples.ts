import { Problem } from '../domain/problem.ts';
import { forecastOf, type SessionForecast } from '../domain/session-forecast.ts';
import type { SessionSample } from '../domain/session-sample.ts';
import type { Context } from './context.ts';
import { readStatus } from './records.ts';

export type SamplesOrder = {
  readonly session: string;
  /** Only later ones; null: from the first. */
  readonly sinceMs: number | null;
  /** More are thinned evenly. */
  readonly limit: number;
};

/** What supervision saw of the newest run of a name, oldest first, and what it is heading for. */
export type Samples = {
  readonly session: string;
  readonly run: string;
  readonly items: readonly SessionSample[];
  readonly forecast: SessionForecast;
};

/** Throws `not-found` for a name that nobody knows. */
export async function readSamples(context: Context, order: SamplesOrder): Promise<Samples> {
  const { session, sinceMs, limit } = order;
  const view = await readStatus(context, session);
  const run = view.run ?? (await context.archive.sampledRun(session));
  if (run === null) throw new Problem('not-found', `There is and was no session ${session}.`);
  const items = await context.archive.samples({ session, run, sinceMs: sinceMs ?? 0, limit });
  return { session, run, items, forecast: forecastOf(view, Date.now()) };
}
