import { Command } from 'commander';
import { callOf, lookNow, printJson, printLines } from './call-options.ts';
import { sessionsText } from './status-text.ts';

export function sessionsCommand(): Command {
  return new Command('sessions')
    .summary('the open sessions; with --all past ones too')
    .description('Lists sessions, newest first.')
    .option('-a, --all', 'past sessions too')
    .option('--after <token>', 'the next page, by the token that the last one ended with')
    .action(async (options: { all?: boolean; after?: string }, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.sessions({
        open: options.all !== true,
        ...(options.after === undefined ? {} : { after: options.after }),
      });
      if (isJson) return printJson(answer.body);
      printLines(sessionsText(answer.value, lookNow()));
      if (answer.value.next !== null) printLines(['', `More: leash sessions --after ${answer.value.next}`]);
    });
}
