import { Command, InvalidArgumentError, Option } from 'commander';
import type { KeyAnswer, KeyCreatedAnswer } from '../admin/answers.ts';
import type { KeyInput } from '../admin/schema.ts';
import { callOf, lookNow, positive, printJson, printLines, wholePositive } from './call-options.ts';
import { colours } from './colours.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type Column, facts, table } from './layout.ts';
import type { Look } from './status-text.ts';
import { moment, usd } from './text.ts';

type CreateOptions = {
  model?: string[];
  requestsPerMinute?: number;
  tokensPerMinute?: number;
  budgetUsd?: number;
  budgetPeriod?: 'total' | 'day' | 'month';
  expires?: number;
};

export function keysCommand(): Command {
  return new Command('keys')
    .summary('keys of the gateway: make, list, revoke')
    .description('Keys for applications that use the gateway, each with limits of its own.')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}

function createCommand(): Command {
  return new Command('create')
    .summary('make a key; its token is shown once')
    .argument('<name>', 'what to call it')
    .addOption(
      new Option('--model <name>', 'only this model; may be given again (default: every model)').argParser(
        (name: string, before: string[] = []) => [...before, name],
      ),
    )
    .option('--requests-per-minute <n>', 'at most so many', wholePositive)
    .option('--tokens-per-minute <n>', 'at most so many, of prompt and completion', wholePositive)
    .option('--budget-usd <usd>', 'at most so many dollars', positive)
    .addOption(
      new Option('--budget-period <period>', 'in which, by UTC (default: total)').choices([
        'total',
        'day',
        'month',
      ]),
    )
    .addOption(new Option('--expires <time>', 'valid for so long, such as 30d or 12h').argParser(timeMs))
    .action(async (name: string, options: CreateOptions, command: Command) => {
      if (options.budgetPeriod !== undefined && options.budgetUsd === undefined)
        throw new CommandError(EXIT.usage, '--budget-period needs --budget-usd.');
      const { api, isJson } = callOf(command);
      const answer = await api.createKey(orderOf(name, options, Date.now()));
      if (isJson) printJson(answer.body);
      else printLines(createdText(answer.value, lookNow()));
    });
}

function listCommand(): Command {
  return new Command('list')
    .summary('keys in use, with what they spent')
    .option('--all', 'revoked ones too')
    .action(async (options: { all?: boolean }, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.keys();
      if (isJson) {
        printJson(answer.body);
        return;
      }
      const { items } = answer.value;
      printLines(keysText(options.all === true ? items : items.filter(isNotRevoked), lookNow()));
    });
}

function revokeCommand(): Command {
  return new Command('revoke')
    .summary('revoke a key; servers refuse it within two seconds')
    .argument('<key>', 'its id or name')
    .action(async (idOrName: string, _options: object, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.revokeKey(idOrName);
      if (isJson) printJson(answer.body);
      else printLines([`${answer.value.name} (${answer.value.id}) is revoked.`]);
    });
}

function orderOf(name: string, options: CreateOptions, nowMs: number): KeyInput {
  return {
    name,
    ...(options.model && { models: options.model }),
    ...(options.requestsPerMinute && { requests_per_minute: options.requestsPerMinute }),
    ...(options.tokensPerMinute && { tokens_per_minute: options.tokensPerMinute }),
    ...(options.budgetUsd && { budget_usd: options.budgetUsd }),
    ...(options.budgetPeriod && { budget_period: options.budgetPeriod }),
    ...(options.expires && { expires_at: new Date(nowMs + options.expires).toISOString() }),
  };
}

/** The token alone in its line: it is what will be copied. */
function createdText(key: KeyCreatedAnswer, { nowMs }: Look): string[] {
  return [
    // Plain, in whatever terminal: it is copied, and cut by scripts.
    key.token,
    '',
    ...facts([
      ['name', key.name],
      ['id', key.id],
      ['models', key.models?.join(', ') ?? 'every one'],
      ['limits', limitsText(key)],
      ['expires', key.expires_at === null ? 'never' : moment(key.expires_at, nowMs)],
    ]),
    '',
    'This is the only time that the token is shown; what is kept is its hash.',
  ];
}

export function keysText(items: readonly KeyAnswer[], { nowMs, width }: Look): string[] {
  if (items.length === 0)
    return ['There are no gateway keys: leash keys create NAME. The admin token works too.'];
  const columns: Column[] = [
    { title: 'name', narrowest: 12 },
    { title: 'id' },
    { title: 'token', dropped: 1 },
    { title: 'state' },
    { title: 'models', narrowest: 12, dropped: 3 },
    { title: 'limits', narrowest: 16, dropped: 4 },
    { title: 'spent', align: 'right' },
    { title: 'last used', dropped: 2 },
  ];
  const rows = items.map((key) => [
    key.name,
    key.id,
    key.hint,
    stateText(key, nowMs),
    key.models?.join(', ') ?? 'every one',
    limitsText(key),
    key.budget === null ? '' : usd(key.budget.spent_usd),
    key.last_used_at === null ? 'never' : moment(key.last_used_at, nowMs),
  ]);
  return table(columns, rows, width);
}

function isNotRevoked({ state }: KeyAnswer): boolean {
  return state !== 'revoked';
}

function stateText({ state, expires_at }: KeyAnswer, nowMs: number): string {
  if (state !== 'active') return colours.red(state);
  return expires_at === null ? colours.green(state) : `until ${moment(expires_at, nowMs)}`;
}

function limitsText(key: Pick<KeyAnswer, 'requests_per_minute' | 'tokens_per_minute' | 'budget'>): string {
  const { requests_per_minute: requests, tokens_per_minute: tokens, budget } = key;
  const limits = [
    ...(requests === null ? [] : [`${requests} requests/min`]),
    ...(tokens === null ? [] : [`${tokens} tokens/min`]),
    ...(budget === null ? [] : [`${usd(budget.limit_usd)}${PERIODS[budget.period]}`]),
  ];
  return limits.length === 0 ? 'none' : limits.join(', ');
}

const PERIODS = { total: ' in all', day: ' a day', month: ' a month' };

const UNITS_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function timeMs(text: string): number {
  const [, count, unit = ''] = /^([1-9][0-9]{0,4})([mhd])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (unitMs !== undefined) return Number(count) * unitMs;
  throw new InvalidArgumentError('A time such as 30d, 12h or 45m is wanted.');
}
