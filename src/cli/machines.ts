import { Command, Option } from 'commander';
import type { MachineAnswer, MachinesAnswer } from '../admin/answers.ts';
import { callOf, lookNow, printJson, printLines, wholePositive } from './call-options.ts';
import { colours } from './colours.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type Column, table } from './layout.ts';
import type { Look } from './status-text.ts';
import { duration, moment, plural } from './text.ts';

type Options = { standing?: string; machine?: number; limit?: number; after?: string; forget?: number };

export function machinesCommand(): Command {
  return new Command('machines')
    .summary('what is remembered of machines: failures, service, which are avoided')
    .description(
      'Machines that failed are avoided for a time by the searches of all sessions, and those that served are\npreferred. `leash launch --machines ID` rents one all the same.',
    )
    .addOption(new Option('--standing <which>', 'only these').choices(['avoided', 'doubtful', 'proven']))
    .option('--machine <id>', 'only this machine, with each of its failures', wholePositive)
    .option('--limit <n>', 'so many machines (default: 100, at most 1000)', wholePositive)
    .option('--after <token>', 'the next page, by the token that the last one ended with')
    .option('--forget <id>', 'forget what was noted of this machine', wholePositive)
    .action(async (options: Options, command: Command) => {
      const { api, isJson } = callOf(command);
      if (options.forget !== undefined) {
        if (options.standing !== undefined || options.machine !== undefined)
          throw new CommandError(EXIT.usage, '--forget stands alone: it names its machine itself.');
        const { body } = await api.forgetMachine(options.forget);
        if (isJson) printJson(body);
        else printLines([`What was noted of machine ${options.forget} is forgotten.`]);
        return;
      }
      const answer = await api.machines(queryOf(options));
      if (isJson) printJson(answer.body);
      else printLines(machinesText(answer.value, lookNow(), { isOne: options.machine !== undefined }));
    });
}

function queryOf({ standing, machine, limit, after }: Options): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ standing, machine, limit, after }))
    if (value !== undefined) query.set(name, String(value));
  return query;
}

/** A line for each machine; of one alone all its failures too. */
export function machinesText(answer: MachinesAnswer, look: Look, { isOne }: { isOne: boolean }): string[] {
  if (answer.items.length === 0) return ['Nothing is remembered of any such machine.'];
  const columns = [
    { title: 'machine', align: 'right' },
    { title: 'standing' },
    { title: 'factor', align: 'right', dropped: 1 },
    { title: 'READY', align: 'right', dropped: 2 },
    { title: 'served', align: 'right', dropped: 3 },
    { title: 'failed', align: 'right' },
    { title: 'last failure', narrowest: 12, dropped: 4 },
  ] satisfies Column[];
  const rows = answer.items.map((machine) => [
    String(machine.machine_id),
    standingText(machine, look.nowMs),
    machine.score_factor.toFixed(2),
    String(machine.times_ready),
    machine.times_ready === 0 ? '' : duration(machine.hours_served * 3_600_000),
    String(machine.failures.length),
    lastFailureText(machine, look.nowMs),
  ]);
  const rest = answer.total - answer.items.length;
  return [
    ...table(columns, rows, look.width),
    ...(isOne ? answer.items.flatMap((machine) => failureLines(machine, look)) : []),
    ...(answer.next === null ? [] : ['', `${plural(rest, 'machine')} more: --after ${answer.next}`]),
  ];
}

function standingText({ standing, avoided_until }: MachineAnswer, nowMs: number): string {
  if (avoided_until !== null) return colours.red(`avoided until ${moment(avoided_until, nowMs)}`);
  return standing === 'proven' ? colours.green(standing) : colours.yellow(standing);
}

function lastFailureText({ failures }: MachineAnswer, nowMs: number): string {
  const [last] = failures;
  return last === undefined ? '' : `${last.kind}, ${duration(nowMs - Date.parse(last.at))} ago`;
}

function failureLines({ failures }: MachineAnswer, look: Look): string[] {
  return failures.flatMap(({ kind, message, at, avoided_until }) => {
    const until =
      avoided_until === null ? 'lowers its score' : `avoided until ${moment(avoided_until, look.nowMs)}`;
    return ['', `${colours.bold(kind)}  ${moment(at, look.nowMs)}, ${until}`, `  ${message}`];
  });
}
