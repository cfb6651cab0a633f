import { setTimeout as delay } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { ReceiptAnswer, StatusAnswer } from '../../admin/answers.ts';
import type { LaunchInput } from '../../admin/schema.ts';
import { lookNow, printLines } from '../call-options.ts';
import { colours } from '../colours.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { extendedLine } from '../extend.ts';
import { type Following, follow, untilEnded, untilUsable } from '../follow.ts';
import type { Answer } from '../http.ts';
import { failedLines } from '../launch.ts';
import { table } from '../layout.ts';
import { receiptText } from '../receipt-text.ts';
import { statusText } from '../status-text.ts';
import { openWatcher } from '../watcher.ts';
import { COMPARISON_COLUMNS, compareWithBooks, isSettled, readBooks } from './books.ts';
import { streamChat } from './chat.ts';
import { type Stage, scene } from './stage.ts';

export const SESSION = 'default';

/** Orders a session and shows its phases until it is READY. */
export async function launchAndWatch(
  stage: Stage,
  order: LaunchInput,
  timeoutMs: number,
): Promise<StatusAnswer> {
  scene('launch: rent a GPU, start vLLM on it, wait until it is READY');
  const launched = await stage.api.launch(order);
  const status = await watch(stage, {
    until: untilUsable(),
    timeoutMs,
    seen: launched,
  });
  if (status.state !== 'READY') throw new CommandError(EXIT.failed, failedLines(status).join('\n'));
  printLines([`  endpoint  ${status.endpoint ?? ''} (behind the gateway)`]);
  return status;
}

/** Asks the model something through the gateway and shows the answer as it arrives. */
export async function chat(stage: Stage, content: string, maxTokens: number): Promise<void> {
  scene('a streamed chat completion through the gateway');
  printLines([colours.dim(`  > ${content}`)]);
  process.stdout.write('  ');
  const { pieces, firstPieceMs, tookMs } = await streamChat({
    apiUrl: stage.api.url,
    token: stage.token,
    model: 'default',
    content,
    maxTokens,
    onText: (text) => void process.stdout.write(printable(text)),
  });
  printLines([
    '',
    colours.dim(
      `  ${pieces} pieces, the first after ${firstPieceMs.toFixed(0)} ms, all after ${tookMs.toFixed(0)} ms`,
    ),
  ]);
  if (pieces < 2)
    throw new CommandError(EXIT.failed, `The answer came in ${pieces} piece: it was not streamed.`);
}

/** What a model says may hold anything; a terminal is moved by control characters. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}]/gu, (one) => (one === '\n' ? '\n  ' : ''));
}

export async function showStatus(stage: Stage): Promise<StatusAnswer> {
  scene('status');
  const { value } = await stage.api.status(SESSION);
  printLines(statusText(value, lookNow()).map((line) => `  ${line}`));
  return value;
}

/** Extends, and insists that the deadline has moved by what was asked. */
export async function extend(stage: Stage, before: StatusAnswer, minutes: number): Promise<void> {
  scene(`extend by ${minutes} minutes`);
  const { value } = await stage.api.extend({ session: SESSION, additionalMinutes: minutes });
  printLines([`  ${extendedLine(value, Date.now())}`]);
  const movedMs = Date.parse(value.keep_alive_until ?? '') - Date.parse(before.keep_alive_until ?? '');
  // A use between the two looks moves it further, never less.
  if (!(movedMs >= minutes * 60_000 - 1_000))
    throw new CommandError(
      EXIT.failed,
      `keep_alive_until moved by ${movedMs} ms, asked for were ${minutes} minutes.`,
    );
}

export async function destroyAndWatch(stage: Stage, timeoutMs: number): Promise<ReceiptAnswer> {
  scene('destroy: and see that the instance is gone');
  const begun = await stage.api.destroy({ session: SESSION, waitSeconds: 0 });
  return receiptOf(await watch(stage, { until: untilEnded(), timeoutMs, seen: begun, isToldAlready: true }));
}

/** Watches until the session has ended by itself. */
export async function watchTheEnd(stage: Stage, timeoutMs: number): Promise<ReceiptAnswer> {
  const seen = await stage.api.status(SESSION);
  return receiptOf(await watch(stage, { until: untilEnded(), timeoutMs, seen, isToldAlready: true }));
}

/** The receipt beside the market's own books; throws when they disagree. */
export async function holdAgainstBooks(
  stage: Stage,
  receipt: ReceiptAnswer,
  timeoutMs: number,
): Promise<void> {
  scene('the receipt, and the market’s own books');
  const { width, nowMs } = lookNow();
  printLines(receiptText(receipt, { nowMs, width }).map((line) => `  ${line}`));
  const books = await settledBooks(stage, receipt, timeoutMs);
  const { rows, disagreements } = compareWithBooks(receipt, books);
  printLines(['', ...table(COMPARISON_COLUMNS, rows, width - 2).map((line) => `  ${line}`), '']);
  if (disagreements.length > 0)
    throw new CommandError(
      EXIT.failed,
      ['They disagree:', ...disagreements.map((line) => `  ${line}`)].join('\n'),
    );
  printLines([
    colours.green('  They agree within 1 % or 5 s of the price, and both show the instance destroyed.'),
  ]);
}

type Watch = Pick<Following, 'until' | 'isToldAlready'> & { timeoutMs: number; seen: Answer<StatusAnswer> };

async function watch(stage: Stage, how: Watch): Promise<StatusAnswer> {
  const watcher = openWatcher({ footer: [], isRecorded: true });
  const followed = await follow(stage.api, {
    session: SESSION,
    watcher,
    signal: stage.signal,
    ...how,
  }).finally(() => watcher.close());
  if (followed.kind === 'there') return followed.answer.value;
  const last = followed.kind === 'late' ? followed.answer?.value : undefined;
  throw new CommandError(
    EXIT.failed,
    `After ${how.timeoutMs / 1_000} s the session is still ${last?.state ?? 'unknown'}: ${last?.detail ?? ''}`,
  );
}

function receiptOf(status: StatusAnswer): ReceiptAnswer {
  if (status.receipt === null)
    throw new CommandError(
      EXIT.failed,
      `The session ended (${status.outcome ?? 'no outcome'}) without a receipt.`,
    );
  return status.receipt;
}

async function settledBooks(stage: Stage, receipt: ReceiptAnswer, timeoutMs: number) {
  const labels = new Set(receipt.instances.map((instance) => instance.label));
  const deadlineMs = Date.now() + timeoutMs;
  let books = await readBooks(stage.marketUrl);
  while (!isSettled(books, labels) && Date.now() < deadlineMs) {
    await delay(250);
    books = await readBooks(stage.marketUrl);
  }
  return books;
}
