import { Command } from 'commander';
import type { StatusAnswer } from '../admin/answers.ts';
import {
  type Call,
  callOf,
  lookNow,
  notNegative,
  printJson,
  printLines,
  sessionOption,
} from './call-options.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { follow, onInterrupt, untilEnded } from './follow.ts';
import { receiptText } from './receipt-text.ts';
import { duration } from './text.ts';
import { openWatcher, silentWatcher } from './watcher.ts';

type DestroyOptions = { session: string; wait: number };

export function destroyCommand(): Command {
  return new Command('destroy')
    .summary('end a session and see that its instance is gone')
    .description(
      'Ends a session and waits until the provider itself no longer shows its instance; then shows the receipt.\nThe teardown goes on without this command.',
    )
    .addOption(sessionOption())
    .option('--wait <seconds>', 'how long to wait for the receipt; 0 returns at once', notNegative, 300)
    .action(async (options: DestroyOptions, command: Command) => {
      process.exitCode = await destroy(callOf(command), options);
    });
}

async function destroy(call: Call, { session, wait }: DestroyOptions): Promise<number> {
  using interrupt = onInterrupt();
  const begun = await call.api.destroy({ session, waitSeconds: 0 });
  if (begun.value.state !== 'IDLE' && !call.isJson) printLines([`Ending ${session}: ${begun.value.detail}`]);
  const watcher = call.isJson ? silentWatcher : openWatcher({ footer: TEARDOWN_FOOTER, isRecorded: false });
  const followed = await follow(call.api, {
    session,
    seen: begun,
    isToldAlready: true,
    watcher,
    signal: interrupt.signal,
    until: untilEnded(),
    timeoutMs: wait * 1_000,
  }).finally(() => watcher.close());
  if (followed.kind === 'left') {
    printLines([`Left. The teardown of ${session} goes on without this command: leash status shows it.`]);
    return EXIT.interrupted;
  }
  const answer = followed.answer ?? begun;
  if (call.isJson) printJson(answer.body);
  else if (followed.kind === 'there') printLines(endedLines(answer.value));
  if (followed.kind === 'there' || wait === 0) return EXIT.done;
  throw new CommandError(EXIT.failed, unendedText(answer.value, wait));
}

function endedLines(status: StatusAnswer): string[] {
  if (status.receipt === null) return [`Nothing is rented under the name ${status.session}.`];
  return receiptText(status.receipt, lookNow());
}

function unendedText(status: StatusAnswer, waitSeconds: number): string {
  return (
    `${status.session} is not seen to be gone after ${duration(waitSeconds * 1_000)}: ${status.detail} ` +
    'Its teardown goes on by itself until the provider shows it gone; `leash status --watch` follows it.'
  );
}

const TEARDOWN_FOOTER = ['Ctrl-C stops the watching only: the teardown goes on by itself.'];
