import { Argument, Command } from 'commander';
import type { StatusAnswer } from '../admin/answers.ts';
import { callOf, lookNow, positive, printJson, printLines, sessionOption } from './call-options.ts';
import { duration, moment, usd } from './text.ts';

export function extendCommand(): Command {
  return new Command('extend')
    .summary('let a session serve longer')
    .description('Moves the keep-alive deadline of a session, if its budget and its lifetime allow it.')
    .addArgument(new Argument('<minutes>', 'how much longer').argParser(positive))
    .addOption(sessionOption())
    .action(async (minutes: number, options: { session: string }, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.extend({ session: options.session, additionalMinutes: minutes });
      if (isJson) printJson(answer.body);
      else printLines([extendedLine(answer.value, lookNow().nowMs)]);
    });
}

export function extendedLine(status: StatusAnswer, nowMs: number): string {
  if (status.keep_alive_until === null)
    return `${status.session}: granted; its keep-alive begins when it is READY.`;
  const leftMs = Date.parse(status.keep_alive_until) - nowMs;
  const spent = `${usd(status.budget.spent_usd)} of ${usd(status.budget.limit_usd)} spent`;
  return `${status.session} serves until ${moment(status.keep_alive_until, nowMs)} (${duration(leftMs)}); ${spent}.`;
}
