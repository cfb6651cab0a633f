import { z } from 'zod';
import { oursOf } from './invariants/ledger-of-runs.ts';
import { countWaiting } from './invariants/limbo.ts';
import { INVARIANTS, type Violation } from './records.ts';
import type { RunResult } from './run.ts';

const counts = z.record(z.string(), z.number());

/** What a campaign tells, and what reports of several add up from. Times in seconds. */
export const campaignReport = z.object({
  seeds: z.array(z.number()),
  sessions: z.number(),
  launches: z.number(),
  /** Launches by their answer. */
  launchOutcomes: counts,
  /** Sessions by how they ended. */
  outcomes: counts,
  contracts: z.number(),
  kills: z.number(),
  /** Kills by what was killed; a suspended worker is killed too when it has been awake for a while. */
  killed: counts,
  crashPoints: counts,
  /** Faults of the market's calls by kind, seeded and scripted, and those of machines that were scripted. */
  faults: counts,
  hands: counts,
  orphans: z.number(),
  doubleRents: z.number(),
  overspends: z.number(),
  strangersTouched: z.number(),
  lies: z.number(),
  limbo: z.number(),
  nondeterminism: z.number(),
  secretsFound: z.number(),
  /** Sessions in DESTROYING because the provider still shows their instance: no violation. */
  waitingForProvider: z.number(),
  historiesReplayed: z.number(),
  workerStarts: z.number(),
  workerStartCpuSeconds: z.number(),
  /** Ends of our processes that nobody ordered. */
  unaskedEnds: z.array(z.string()),
  seconds: z.number(),
  violations: z.array(
    z.object({
      invariant: z.enum(INVARIANTS),
      seed: z.number(),
      session: z.string().nullable(),
      what: z.string(),
      replay: z.string().nullable(),
    }),
  ),
});
export type CampaignReport = z.output<typeof campaignReport>;

export type JudgedRun = {
  readonly result: RunResult;
  readonly violations: readonly Violation[];
  /** The command that plays it again; null where nothing was violated. */
  readonly replay: string | null;
};

export function reportOf({ result, violations, replay }: JudgedRun): CampaignReport {
  const { records, tally } = result;
  const { suspended, ...killed } = tally.kills;
  const of = (invariant: Violation['invariant']) =>
    violations.filter((violation) => violation.invariant === invariant).length;
  return {
    seeds: [records.seed],
    sessions: records.sessions.filter(({ launch }) => launch !== 'over-budget' && launch !== 'refused')
      .length,
    launches: records.sessions.length,
    launchOutcomes: countBy(records.sessions, ({ launch }) => launch),
    outcomes: countBy(
      records.sessions.filter(({ launch }) => launch !== 'over-budget' && launch !== 'refused'),
      ({ status }) => outcomeWords(status),
    ),
    contracts: oursOf(records).length,
    kills: Object.values(killed).reduce((sum, count) => sum + count, 0),
    killed: { ...killed, suspended },
    crashPoints: tally.crashPoints,
    faults: sumCounts([result.faults, machineFaults(tally.faults, result.faults)]),
    hands: countBy(records.hands, ({ did }) => did),
    orphans: of('orphan'),
    doubleRents: of('double-rent'),
    overspends: of('overspend'),
    strangersTouched: of('stranger'),
    lies: of('lie'),
    limbo: of('limbo'),
    nondeterminism: of('nondeterminism'),
    secretsFound: of('secret'),
    waitingForProvider: countWaiting(records),
    historiesReplayed: result.replayed,
    workerStarts: result.workerStarts.length,
    workerStartCpuSeconds: result.workerStarts.reduce((sum, seconds) => sum + seconds, 0),
    unaskedEnds: [...result.unasked],
    seconds: result.seconds.total,
    violations: violations.map((violation) => ({ ...violation, replay })),
  };
}

function outcomeWords(status: RunResult['records']['sessions'][number]['status']): string {
  if (status === null || status.outcome === null) return 'none';
  return status.outcome === 'completed' ? `completed, ${status.reason}` : status.outcome;
}

/** The market's log tells of calls; a machine's fault shows in no call. */
function machineFaults(
  scripted: Readonly<Record<string, number>>,
  ofCalls: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(Object.entries(scripted).filter(([kind]) => ofCalls[kind] === undefined));
}

/** Reports of several runs as one; `seconds` is the longest of what ran side by side, unless told. */
export function sumReports(reports: readonly CampaignReport[], seconds?: number): CampaignReport {
  const sum = (pick: (report: CampaignReport) => number) =>
    reports.reduce((total, report) => total + pick(report), 0);
  return {
    seeds: reports.flatMap(({ seeds }) => seeds),
    sessions: sum((report) => report.sessions),
    launches: sum((report) => report.launches),
    launchOutcomes: sumCounts(reports.map(({ launchOutcomes }) => launchOutcomes)),
    outcomes: sumCounts(reports.map(({ outcomes }) => outcomes)),
    contracts: sum((report) => report.contracts),
    kills: sum((report) => report.kills),
    killed: sumCounts(reports.map(({ killed }) => killed)),
    crashPoints: sumCounts(reports.map(({ crashPoints }) => crashPoints)),
    faults: sumCounts(reports.map(({ faults }) => faults)),
    hands: sumCounts(reports.map(({ hands }) => hands)),
    orphans: sum((report) => report.orphans),
    doubleRents: sum((report) => report.doubleRents),
    overspends: sum((report) => report.overspends),
    strangersTouched: sum((report) => report.strangersTouched),
    lies: sum((report) => report.lies),
    limbo: sum((report) => report.limbo),
    nondeterminism: sum((report) => report.nondeterminism),
    secretsFound: sum((report) => report.secretsFound),
    waitingForProvider: sum((report) => report.waitingForProvider),
    historiesReplayed: sum((report) => report.historiesReplayed),
    workerStarts: sum((report) => report.workerStarts),
    workerStartCpuSeconds: sum((report) => report.workerStartCpuSeconds),
    unaskedEnds: reports.flatMap(({ unaskedEnds }) => unaskedEnds),
    seconds: seconds ?? sum((report) => report.seconds),
    violations: reports.flatMap(({ violations }) => violations),
  };
}

function sumCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}

function countBy<Item>(items: readonly Item[], nameOf: (item: Item) => string): Record<string, number> {
  return sumCounts(items.map((item) => ({ [nameOf(item)]: 1 })));
}

/** The report as a person reads it. */
export function tableOf(report: CampaignReport): string {
  const perMinute = (count: number) =>
    report.seconds > 0 ? (count / (report.seconds / 60)).toFixed(1) : '0';
  const starts = report.workerStarts;
  const cpu = starts === 0 ? '' : `, ${(report.workerStartCpuSeconds / starts).toFixed(2)} CPU s each`;
  const rows: [string, string][] = [
    ['seeds', spanOf(report.seeds)],
    ['time', `${(report.seconds / 60).toFixed(1)} min`],
    ['launches', `${report.launches}: ${listOf(report.launchOutcomes)}`],
    ['sessions', `${report.sessions} (${perMinute(report.sessions)} a minute): ${listOf(report.outcomes)}`],
    ['contracts', String(report.contracts)],
    ['kills', `${report.kills} (${perMinute(report.kills)} a minute): ${listOf(report.killed)}`],
    ['worker starts', `${starts}${cpu}`],
    ['outside hands', listOf(report.hands)],
    ['faults', listOf(report.faults)],
    ['histories replayed', String(report.historiesReplayed)],
  ];
  const invariants: [string, number][] = [
    ['orphans', report.orphans],
    ['double rents', report.doubleRents],
    ['overspends', report.overspends],
    ['strangers touched', report.strangersTouched],
    ['lies', report.lies],
    ['limbo', report.limbo],
    ['nondeterminism', report.nondeterminism],
    ['secrets found', report.secretsFound],
  ];
  return [
    ...rows.map(([name, value]) => `${name.padEnd(20)}${value}`),
    '',
    'Killed at            before   after  replied',
    ...crashRows(report.crashPoints),
    '',
    ...invariants.map(([name, count]) => `${name.padEnd(20)}${count}`),
    ...(report.waitingForProvider > 0 ? [`waiting for provider ${report.waitingForProvider}`] : []),
    ...(report.unaskedEnds.length > 0 ? ['', `Ended by themselves: ${report.unaskedEnds.join(', ')}`] : []),
    ...report.violations.flatMap(({ invariant, seed, session, what, replay }) => [
      '',
      `VIOLATION (${invariant}), seed ${seed}${session === null ? '' : `, session ${session}`}: ${what}`,
      ...(replay === null ? [] : [`  again: ${replay}`]),
    ]),
  ].join('\n');
}

function crashRows(points: Readonly<Record<string, number>>): string[] {
  const calls = [...new Set(Object.keys(points).map((name) => name.split(' ')[0] ?? ''))];
  return calls.map((call) => {
    const hits = ['before', 'after', 'replied'].map((moment) => String(points[`${call} ${moment}`] ?? 0));
    return `  ${call.padEnd(18)}${hits.map((hit) => hit.padStart(7)).join(' ')}`;
  });
}

function listOf(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${count} ${name}`).join(', ') || 'none';
}

function spanOf(seeds: readonly number[]): string {
  return seeds.length > 6
    ? `${Math.min(...seeds)}..${Math.max(...seeds)} (${seeds.length})`
    : seeds.join(', ');
}
