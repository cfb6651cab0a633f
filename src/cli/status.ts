import { Command } from 'commander';
import { type Call, callOf, lookNow, printJson, printLines, sessionOption } from './call-options.ts';
import { EXIT } from './exit-code.ts';
import { follow, onInterrupt, untilEnded } from './follow.ts';
import { leftLines, stayingFooter } from './launch.ts';
import { isScreen } from './live-screen.ts';
import { statusText } from './status-text.ts';
import { openWatcher, silentWatcher } from './watcher.ts';

type StatusOptions = { session: string; watch?: boolean };

export function statusCommand(): Command {
  return new Command('status')
    .summary('where a session stands, what it costs, what ends it')
    .description(
      'Shows a session. With --watch it goes on until the session has ended; Ctrl-C stops the watching only.',
    )
    .addOption(sessionOption())
    .option(
      '-w, --watch',
      'go on until its end: a screen on a terminal, in a pipe a line for each thing that happens',
    )
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
  const isOnScreen = isScreen(process.stdout);
  if (!call.isJson && !isOnScreen) print(first);
  using interrupt = onInterrupt();
  const watcher = call.isJson
    ? silentWatcher
    : openWatcher({ footer: stayingFooter(options.session), isRecorded: false });
  const followed = await follow(call.api, {
    session: options.session,
    seen: first,
    isToldAlready: true,
    watcher,
    signal: interrupt.signal,
    until: untilEnded(),
  }).finally(() => watcher.close());
  if (followed.kind !== 'there') {
    if (!call.isJson) printLines(leftLines(options.session));
    return EXIT.interrupted;
  }
  if (!call.isJson && !isOnScreen) printLines(['']);
  print(followed.answer);
  return EXIT.done;
}
