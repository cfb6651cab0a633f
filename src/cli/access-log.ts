import { Command, Option } from 'commander';
import { ACCESS_VERBS, type AccessAnswer, type AccessLogAnswer } from '../admin/answers.ts';
import { callOf, dayOption, lookNow, printJson, printLines, wholePositive } from './call-options.ts';
import { colours } from './colours.ts';
import { type Column, table } from './layout.ts';
import type { Look } from './status-text.ts';
import { moment } from './text.ts';

type Options = {
  from?: string;
  to?: string;
  what?: string;
  session?: string;
  limit?: number;
  after?: string;
};

export function accessLogCommand(): Command {
  return new Command('access-log')
    .summary('who did what: launches, destroys, keys, sign-ins, and whom the server refused')
    .description(
      'Every call that changed something, by this command line, the dashboard or a program, newest first; kept for a\nyear. What a session did by itself is in its timeline.',
    )
    .addOption(dayOption('--from <day>', 'from this day or moment on'))
    .addOption(dayOption('--to <day>', 'through this day, or until this moment'))
    .addOption(new Option('--what <call>', 'only these calls').choices(ACCESS_VERBS))
    .option('-s, --session <name>', 'only what was about this session')
    .option('--limit <n>', 'so many calls (default: 100, at most 1000)', wholePositive)
    .option('--after <token>', 'the next page, by the token that the last one ended with')
    .action(async (options: Options, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.accessLog(queryOf(options));
      if (isJson) printJson(answer.body);
      else printLines(accessLogText(answer.value, lookNow()));
    });
}

function queryOf({ from, to, what, session, limit, after }: Options): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ from, to, what, session, limit, after }))
    if (value !== undefined) query.set(name, String(value));
  return query;
}

export function accessLogText({ items, next }: AccessLogAnswer, { nowMs, width }: Look): string[] {
  if (items.length === 0) return ['Nothing of that kind is on record.'];
  const rows = items.map((one) => [
    moment(one.at, nowMs),
    one.role ?? colours.red('nobody known'),
    one.by ?? '',
    one.address,
    one.what,
    [one.session, one.subject].filter((name) => name !== null).join(', '),
    outcomeText(one),
  ]);
  return [...table(COLUMNS, rows, width), ...(next === null ? [] : ['', `There are more: --after ${next}`])];
}

const COLUMNS: readonly Column[] = [
  { title: 'at' },
  { title: 'who' },
  { title: 'by', dropped: 1 },
  { title: 'from', dropped: 2 },
  { title: 'what' },
  { title: 'about', narrowest: 12, dropped: 3 },
  { title: 'outcome' },
];

function outcomeText({ status, problem }: AccessAnswer): string {
  return problem === null ? colours.green(`done (${status})`) : colours.red(`${problem} (${status})`);
}
