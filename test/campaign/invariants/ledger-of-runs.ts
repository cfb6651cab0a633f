import { type Label, parseLabel } from '../../../src/domain/label.ts';
import type { ContractRecord } from '../market.ts';
import type { Invariant, RunRecords, SessionRecord, Violation } from '../records.ts';

/** A contract of ours with its label read. */
export type OurContract = ContractRecord & { readonly parsed: Label };

/** All contracts of one life of a session's name, with what else is known of it. */
export type RunBooks = {
  readonly session: string;
  readonly run: string;
  readonly contracts: readonly OurContract[];
  /** Null for a session the harness never launched. */
  readonly record: SessionRecord | null;
  /** When its last Temporal run closed, epoch ms; null while one is open, or when Temporal knows none. */
  readonly closedAtMs: number | null;
  readonly isKnown: boolean;
};

/** A call that was interrupted is taken up when its own time-out has passed. */
const TAKE_UP_MS = 45_000;

export function oursOf({ contracts, owner }: RunRecords): OurContract[] {
  return contracts
    .flatMap((contract) => {
      const parsed = parseLabel(contract.label);
      return parsed?.owner === owner ? [{ ...contract, parsed }] : [];
    })
    .sort((a, b) => a.created_at - b.created_at);
}

export function runsOf(records: RunRecords): RunBooks[] {
  const bySession = new Map(records.sessions.map((record) => [record.plan.session, record]));
  const byRun = Map.groupBy(oursOf(records), ({ parsed }) => `${parsed.session} ${parsed.run}`);
  return [...byRun].map(([key, contracts]) => {
    const [session = '', run = ''] = key.split(' ');
    const lives = records.runs.filter((life) => life.session === session && life.run === run);
    const isOpen = lives.some(({ closedAtMs }) => closedAtMs === null);
    return {
      session,
      run,
      contracts,
      record: bySession.get(session) ?? null,
      isKnown: lives.length > 0,
      closedAtMs:
        isOpen || lives.length === 0 ? null : Math.max(...lives.map(({ closedAtMs }) => closedAtMs ?? 0)),
    };
  });
}

/**
 * How much of a span nothing of ours could act in, ms: no worker or no Temporal ran, or the call that was to be made
 * had been interrupted by that.
 */
export function idleMs({ outages }: RunRecords, fromMs: number, toMs: number): number {
  const spans = outages
    .filter(({ what }) => what !== 'server')
    .map((outage) => ({
      from: Math.max(fromMs, outage.fromMs),
      to: Math.min(toMs, outage.toMs + TAKE_UP_MS),
    }))
    .filter(({ from, to }) => to > from)
    .sort((a, b) => a.from - b.from);
  let idle = 0;
  let reachedMs = fromMs;
  for (const { from, to } of spans) {
    idle += Math.max(0, to - Math.max(from, reachedMs));
    reachedMs = Math.max(reachedMs, to);
  }
  return idle;
}

export function violation(
  records: RunRecords,
  invariant: Invariant,
  session: string | null,
  what: string,
): Violation {
  return { invariant, seed: records.seed, session, what };
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
