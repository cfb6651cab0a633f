import { Command } from 'commander';
import { type Call, callOf, lookNow, printJson, printLines, sessionOption } from './call-options.ts';
import { EXIT } from './exit-code.ts';
import { follow, onInterrupt, untilEnded } from './follow.ts';
import { openLiveLine } from './live-line.ts';
import { statusText } from './status-text.ts';

type StatusOptions = { session: string; watch?: boolean };

export function statusCommand(): Command {
  return new Command('status')
    .summary('where a session stands, what it costs, what ends it')
    .description(
      'Shows a session. With --watch it goes on until the session has ended; Ctrl-C stops the watching only.',
    )
    .addOption(sessionOption())
    .option('-w, --watch', 'go on, one line for each thing that happens')
    .action(async (options: StatusOptions, command: Command) => {
      process.exitCode = await showStatus(callOf(command), options);
    });
}

async function showStatus(call: Call, options: StatusOptions): Promise<number> {
  const first = await call.api.status(options.session);
  const print = (answer: typeof first) => {
    if (call.isJson) printJson(answer.body);
    else printLines(statusText(answer.value, lookNow()));
  };
  if (options.watch !== true || untilEnded()(first.value)) {
    print(first);
    return EXIT.done;
  }
  if (!call.isJson) print(first);
  using interrupt = onInterrupt();
  const line = call.isJson ? jsonLines() : openLiveLine();
  const followed = await follow(call.api, {
    session: options.session,
    seen: first,
    isToldAlready: true,
    line,
    signal: interrupt.signal,
    until: untilEnded(),
  }).finally(() => line.close());
  if (followed.kind !== 'there') return EXIT.interrupted;
  if (!call.isJson) printLines(['']);
  print(followed.answer);
  return EXIT.done;
}

/** With --json the watch is silent until its end: standard output holds one document. */
function jsonLines() {
  return { print: () => undefined, show: () => undefined, close: () => undefined };
}
