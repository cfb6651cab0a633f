import { Command, Option } from 'commander';
import { callOf, dayOption, lookNow, printJson, printLines } from './call-options.ts';
import { costsText } from './costs-text.ts';

type Options = { by: string; from?: string; to?: string; csv?: boolean };

const DIMENSIONS = ['session', 'gpu', 'day', 'part', 'provider', 'model', 'key'];

export function costsCommand(): Command {
  return new Command('costs')
    .summary('what was spent, by session, GPU, day, part of the bill, provider, model or key')
    .description(
      [
        'Sums what was spent: closed sessions from their receipts, open ones by their meters until now, and what',
        'providers charge by the token. By model and key a GPU is shared by the tokens it was used for. Days are UTC.',
      ].join('\n'),
    )
    .addOption(new Option('--by <what>', 'a line for each of these').choices(DIMENSIONS).default('session'))
    .addOption(dayOption('--from <day>', 'from this day or moment on (default: 30 days before the end)'))
    .addOption(dayOption('--to <day>', 'through this day, or until this moment (default: now)'))
    .option('--csv', 'print a table for spreadsheets')
    .action(async (options: Options, command: Command) => {
      const { api, isJson } = callOf(command);
      const query = new URLSearchParams({
        by: options.by,
        ...(options.from === undefined ? {} : { from: options.from }),
        ...(options.to === undefined ? {} : { to: options.to }),
      });
      if (options.csv === true && !isJson) {
        process.stdout.write(await api.costsCsv(query));
        return;
      }
      const answer = await api.costs(query);
      if (isJson) printJson(answer.body);
      else printLines(costsText(answer.value, lookNow()));
    });
}
