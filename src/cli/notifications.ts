import { Command } from 'commander';
import type { NotificationsAnswer, NotificationTestAnswer } from '../admin/answers.ts';
import { callOf, lookNow, printJson, printLines } from './call-options.ts';
import { colours } from './colours.ts';
import { EXIT } from './exit-code.ts';
import { table } from './layout.ts';
import type { Look } from './status-text.ts';
import { moment } from './text.ts';

export function notificationsCommand(): Command {
  return new Command('notifications')
    .summary('what was told by webhook and Slack, and a test of it')
    .description(
      'Lists the newest 50 notifications and how far the delivery of each has come. Where they go is set by\nLEASH_WEBHOOK_URL and LEASH_SLACK_WEBHOOK_URL of servers and workers.',
    )
    .addCommand(testCommand())
    .action(async (_options: object, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.notifications();
      if (isJson) printJson(answer.body);
      else printLines(notificationsText(answer.value, lookNow()));
    });
}

function testCommand(): Command {
  return new Command('test')
    .summary('send a test to every target, and say what each answered')
    .action(async (_options: object, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.testNotifications();
      if (isJson) printJson(answer.body);
      else printLines(testText(answer.value));
      if (answer.value.targets.some(({ delivered }) => !delivered)) process.exitCode = EXIT.failed;
    });
}

export function notificationsText({ items, targets }: NotificationsAnswer, look: Look): string[] {
  const where =
    targets.length === 0
      ? 'Nobody is told: neither LEASH_WEBHOOK_URL nor LEASH_SLACK_WEBHOOK_URL is set for the server.'
      : `Told by ${targets.join(' and ')}.`;
  if (items.length === 0) return [where, 'Nothing has been told yet.'];
  const columns = [
    { title: 'AT' },
    { title: 'KIND' },
    { title: 'IS' },
    { title: 'SAYS' },
    { title: 'DELIVERY' },
  ];
  const rows = items.map(({ at, kind, state, title, detail }) => [
    moment(at, look.nowMs),
    kind,
    COLOURS[state](state),
    title,
    detail,
  ]);
  return [where, '', ...table(columns, rows, look.width)];
}

const COLOURS = { delivered: colours.green, pending: colours.yellow, failed: colours.red } as const;

function testText({ targets }: NotificationTestAnswer): string[] {
  return targets.map(({ target, delivered, detail }) =>
    delivered
      ? `${target}: ${colours.green('delivered')} (${detail})`
      : `${target}: ${colours.red('not delivered')}, ${detail}`,
  );
}
