import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { type Call, callOf, printJson, printLines, sessionOption, wholePositive } from './call-options.ts';
import { EXIT } from './exit-code.ts';
import { onInterrupt } from './follow.ts';
import { Refusal, Unreachable } from './http.ts';

type LogsOptions = { session: string; tail: number; filter?: string; follow?: boolean };

/** Each look is a call to the market, which takes one a second from all of us. */
const LOOK_INTERVAL_MS = 3_000;

export function logsCommand(): Command {
  return new Command('logs')
    .summary("what a session's instance writes: vLLM's log")
    .description(
      "Shows the newest lines of the instance's log, as the provider hands them over: a snapshot, without secrets.",
    )
    .addOption(sessionOption())
    .option('-n, --tail <lines>', 'how many of the newest lines, at most 1000', wholePositive, 200)
    .option('--filter <text>', 'only lines that contain it')
    .option('-f, --follow', 'go on showing what is new, until Ctrl-C or the end of the session')
    .action(async (options: LogsOptions, command: Command) => {
      process.exitCode = await logs(callOf(command), options);
    });
}

async function logs({ api, isJson }: Call, { session, tail, filter, follow }: LogsOptions): Promise<number> {
  const order = { session, tail, ...(filter === undefined ? {} : { filter }) };
  using interrupt = onInterrupt();
  const first = await api.logs(order);
  if (isJson) printJson(first.body);
  else if (first.value.lines.length > 0) printLines(first.value.lines);
  let shown = first.value;
  while (follow === true && !isJson) {
    await delay(LOOK_INTERVAL_MS, undefined, { signal: interrupt.signal }).catch(() => undefined);
    if (interrupt.signal.aborted) return EXIT.interrupted;
    try {
      const { value } = await api.logs(order);
      const isSame = value.instance_id === shown.instance_id;
      const news = isSame ? linesAfter(shown.lines, value.lines) : value.lines;
      if (!isSame) printLines([`--- instance ${value.instance_id} ---`]);
      if (news.length > 0) printLines(news);
      // An upload that came back empty is no log that became empty.
      if (!isSame || value.lines.length > 0) shown = value;
    } catch (error) {
      if (error instanceof Refusal && error.problem.kind === 'not-found') {
        process.stderr.write(`${error.message}\n`);
        return EXIT.done;
      }
      if (!(error instanceof Refusal && error.problem.status >= 500) && !(error instanceof Unreachable))
        throw error;
      process.stderr.write(`${error.message}\n`);
    }
  }
  return EXIT.done;
}

/** What `now` holds beyond `before`, two snapshots of the newest lines of one log. */
export function linesAfter(before: readonly string[], now: readonly string[]): readonly string[] {
  for (let from = 0; from < before.length; from += 1) {
    const common = before.slice(from);
    if (common.every((line, index) => now[index] === line)) return now.slice(common.length);
  }
  return now;
}
