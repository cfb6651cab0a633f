import { Command, InvalidArgumentError, Option } from 'commander';
import type { HoursAnswer } from '../admin/answers.ts';
import { callOf, lookNow, printJson, printLines } from './call-options.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type Column, table } from './layout.ts';
import { addOrderOptions, type OrderOptions, orderOf } from './order-options.ts';
import { moment } from './text.ts';

type Range = { from: string; to: string };
type AddOptions = OrderOptions & { weekdays?: Range; daily?: Range; timezone: string };

export function scheduleCommand(): Command {
  return new Command('schedule')
    .summary('business hours: launch and end a session by the clock')
    .description('Launches a session when business hours begin and ends it when they are over.')
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand());
}

function addCommand(): Command {
  const command = new Command('add')
    .summary('add hours, with what to launch')
    .argument('<name>', 'what to call these hours')
    .addOption(new Option('--weekdays <hours>', 'Monday to Friday, such as 09:00-17:00').argParser(range))
    .addOption(new Option('--daily <hours>', 'every day').argParser(range).conflicts('weekdays'))
    .option(
      '--timezone <name>',
      'whose clock, such as Europe/Berlin',
      Intl.DateTimeFormat().resolvedOptions().timeZone,
    );
  return addOrderOptions(command).action(async (id: string, options: AddOptions, command: Command) => {
    const hours = options.weekdays ?? options.daily;
    if (hours === undefined)
      throw new CommandError(EXIT.usage, 'When? Give --weekdays 09:00-17:00 or --daily 09:00-17:00.');
    const { api, isJson } = callOf(command);
    const days = options.weekdays === undefined ? 'daily' : 'weekdays';
    const { timezone } = options;
    const answer = await api.addHours({ id, days, ...hours, timezone, launch: orderOf(options) });
    if (isJson) printJson(answer.body);
    else printLines(hoursText([answer.value]));
  });
}

function listCommand(): Command {
  return new Command('list').summary('all hours').action(async (_options: object, command: Command) => {
    const { api, isJson } = callOf(command);
    const answer = await api.hours();
    if (isJson) printJson(answer.body);
    else
      printLines(
        answer.value.items.length === 0 ? ['There are no business hours.'] : hoursText(answer.value.items),
      );
  });
}

function removeCommand(): Command {
  return new Command('remove')
    .summary('remove hours; an open session stays open')
    .argument('<name>', 'which hours')
    .action(async (id: string, _options: object, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.removeHours(id);
      if (isJson) printJson(answer.body);
      else printLines([`${id} is removed. What is open stays open: leash sessions shows it.`]);
    });
}

function hoursText(items: readonly HoursAnswer[]): string[] {
  const { nowMs, width } = lookNow();
  const rows = items.map((hours) => [
    hours.id,
    hours.session,
    `${hours.days} ${hours.from}-${hours.to} ${hours.timezone}`,
    hours.model,
    hours.paused ? 'paused' : hours.next_launch_at === null ? 'never' : moment(hours.next_launch_at, nowMs),
  ]);
  return table(COLUMNS, rows, width);
}

const COLUMNS: readonly Column[] = [
  { title: 'name', narrowest: 12 },
  { title: 'session', narrowest: 12, dropped: 2 },
  { title: 'hours' },
  { title: 'model', narrowest: 14, dropped: 1 },
  { title: 'next launch', dropped: 3 },
];

function range(text: string): Range {
  const match = /^(\d{2}:\d{2})-(\d{2}:\d{2})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Hours such as 09:00-17:00 are wanted.');
  const [, from = '', to = ''] = match;
  return { from, to };
}
