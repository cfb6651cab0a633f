import { Command, InvalidArgumentError, Option } from 'commander';
import type { ReapAnswer } from '../admin/answers.ts';
import { OWNER_ID } from '../domain/label.ts';
import { callOf, lookNow, printJson, printLines } from './call-options.ts';
import { type Column, table } from './layout.ts';
import { plural, usdPerHour } from './text.ts';

export type ReapOptions = { dryRun?: boolean; owner?: string; withoutTemporal?: boolean };

export function reapCommand(): Command {
  return new Command('reap')
    .summary('end what no open session claims')
    .description(
      [
        'Runs the reaper now: destroys instances that carry this installation’s label and belong to no open session,',
        'and waits until they are seen gone. It runs by itself every few minutes; this is for not waiting.',
      ].join('\n'),
    )
    .option('-n, --dry-run', 'only say what would be destroyed')
    .addOption(
      new Option(
        '--owner <id>',
        'what another owner (a lost LEASH_HOME) left behind, once its label has expired',
      ).argParser(ownerId),
    )
    .option(
      '--without-temporal',
      'by label and VASTAI_API_KEY alone, when Temporal is lost: ends EVERY instance of this owner, open sessions’ too',
    )
    .action(async (options: ReapOptions, command: Command) => {
      if (options.withoutTemporal === true) {
        const { reapWithoutTemporal } = await import('./reap/without-temporal.ts');
        const isJson = command.optsWithGlobals<{ json?: boolean }>().json === true;
        process.exitCode = await reapWithoutTemporal(options, isJson);
        return;
      }
      const { api, isJson } = callOf(command);
      const answer = await api.reap({
        dry_run: options.dryRun === true,
        ...(options.owner === undefined ? {} : { owner: options.owner }),
      });
      if (isJson) printJson(answer.body);
      else printLines(reapText(answer.value, lookNow()));
    });
}

/** What was found, and what became of each. */
export function reapText(answer: ReapAnswer, { width }: { width: number }): string[] {
  const { found, destroyed, left, dry_run: isDryRun, expired_of_others: others, idle } = answer;
  const word = isDryRun ? 'would be destroyed' : 'destroyed';
  const rows = [
    ...destroyed.map(({ instance_id, label, why }) => [String(instance_id), word, why, label]),
    ...left.map(({ instance_id, label, why }) => [String(instance_id), 'left', why, label]),
  ];
  return [
    `${plural(found, 'instance')} found, ${destroyed.length} ${word}, ${left.length} left.`,
    ...(rows.length === 0 ? [] : table(COLUMNS, rows, width)),
    ...others.map(
      ({ instance_id, label, usd_per_hour: price }) =>
        `Instance ${instance_id} (${price === null ? 'price unknown' : usdPerHour(price)}) of another owner is past its expiry: ${label}. If that home is lost: leash reap --owner ${label.split('.')[1]}`,
    ),
    ...idle.map(
      ({ kind, id, label, usd_per_hour: price }) =>
        `${kind === 'volume' ? 'Volume' : 'Stopped instance'} ${id}${label === null ? '' : ` (${label})`} goes on billing ${price === null ? 'at a price not told' : usdPerHour(price)}.`,
    ),
  ];
}

const COLUMNS: readonly Column[] = [
  { title: 'instance', align: 'right' },
  { title: 'is' },
  { title: 'why', narrowest: 20 },
  { title: 'label', narrowest: 24, dropped: 1 },
];

function ownerId(text: string): string {
  if (OWNER_ID.test(text)) return text;
  throw new InvalidArgumentError('10 of a-z and 0-9: the part after "leash." of a label.');
}
