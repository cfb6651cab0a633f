import type { Looks } from './looks.ts';
import type { Measured } from './measuring.ts';
import type { Reactions } from './reactions.ts';

const NAME_WIDTH = 38;
const WIDTH = 12;

/** A column for each size. */
export function printTable(measured: readonly Measured[]): void {
  const row = (name: string, cell: (one: Measured) => string) =>
    console.log(name.padEnd(NAME_WIDTH) + measured.map((one) => cell(one).padStart(WIDTH)).join(''));
  const perMinute = (count: number, one: Measured) => (count / one.minutes).toFixed(1);
  row('sessions READY', ({ sessions }) => String(sessions));
  row('measured, minutes', ({ minutes }) => String(minutes));
  row('worker: of one processor', ({ programs }) => `${programs.worker.cpuPercent.toFixed(1)} %`);
  row('worker: memory', ({ programs }) => `${programs.worker.residentMib.toFixed(0)} MiB`);
  row('HTTP server: of one processor', ({ programs }) => `${programs.server.cpuPercent.toFixed(1)} %`);
  row('HTTP server: memory', ({ programs }) => `${programs.server.residentMib.toFixed(0)} MiB`);
  row('Temporal: of one processor', ({ programs }) => `${programs.Temporal.cpuPercent.toFixed(1)} %`);
  row('Temporal: memory', ({ programs }) => `${programs.Temporal.residentMib.toFixed(0)} MiB`);
  row('looks a session and minute', (one) => (one.looks.looks / one.sessions / one.minutes).toFixed(2));
  row('looks that failed', ({ looks }) => String(looks.failed));
  row('longest without a look, p50', ({ looks }) => seconds(looks.gapsSeconds, 0.5));
  row('longest without a look, p99', ({ looks }) => seconds(looks.gapsSeconds, 0.99));
  row('history events a session and hour', ({ eventsPerHour }) => eventsPerHour.toFixed(1));
  for (const call of new Set(measured.flatMap(({ calls }) => [...calls.keys()])))
    row(`calls a minute: ${call}`, (one) => perMinute(one.calls.get(call)?.calls ?? 0, one));
  row('calls refused with 429', ({ calls }) =>
    String([...calls.values()].reduce((sum, { refused }) => sum + refused, 0)),
  );
  console.log('');
}

export function printReactions(named: Readonly<Record<string, Reactions>>): void {
  const heads = ['n', 'p50', 'p99', 'most', 'never'];
  console.log(
    `among them${' '.repeat(NAME_WIDTH - 10)}${heads.map((head) => head.padStart(WIDTH)).join('')}`,
  );
  for (const [name, { seconds: took, missing }] of Object.entries(named)) {
    const cells = [
      String(took.length),
      seconds(took, 0.5),
      seconds(took, 0.99),
      seconds(took, 1),
      String(missing),
    ];
    console.log(name.padEnd(NAME_WIDTH) + cells.map((cell) => cell.padStart(WIDTH)).join(''));
  }
  console.log('');
}

/** How long sessions went without a look in the minutes after a worker was killed. */
export function printGaps({ sessions, gapsSeconds }: Looks, open: number): void {
  console.log('one of two workers killed');
  console.log(`  looked at again           ${sessions} of ${open}`);
  console.log(
    `  longest without a look    ${seconds(gapsSeconds, 0.5)} p50, ${seconds(gapsSeconds, 0.99)} p99`,
  );
  console.log('');
}

function seconds(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return at === undefined ? '-' : `${at.toFixed(1)} s`;
}
