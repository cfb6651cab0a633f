import { setTimeout as delay } from 'node:timers/promises';
import type { Sessions } from '../../client.ts';
import type { SessionView } from '../../domain/session.ts';
import { usd } from '../text.ts';

type Ending = {
  readonly timeoutMs: number;
  readonly print: (line: string) => void;
};

const LOOK_INTERVAL_MS = 500;

/**
 * Ends every open session for the program's own end, and waits until the provider shows each instance
 * gone. Answers with the names of those that were not seen to end in time; their teardown is durable.
 */
export async function endSessions(sessions: Sessions, { timeoutMs, print }: Ending): Promise<string[]> {
  const deadlineMs = Date.now() + timeoutMs;
  const names = await openSessions(sessions);
  if (names.length === 0) return [];
  print(`Ending ${names.join(', ')} and waiting until the market shows each instance gone.`);
  const ended = await Promise.all(names.map((name) => endSession(sessions, { name, deadlineMs, print })));
  return names.filter((_, at) => ended[at] !== true);
}

/** Names of the sessions that are open, each once. */
export async function openSessions(sessions: Sessions): Promise<string[]> {
  const names: string[] = [];
  let after: string | null = null;
  do {
    const page = await sessions.list({ open: true, ...(after === null ? {} : { after }) });
    names.push(...page.items.map((item) => item.session));
    after = page.next;
  } while (after !== null);
  return [...new Set(names)];
}

async function endSession(
  sessions: Sessions,
  { name, deadlineMs, print }: { name: string; deadlineMs: number; print: (line: string) => void },
): Promise<boolean> {
  let said = '';
  const say = (text: string) => {
    if (text !== said) print(`  ${name}: ${text}`);
    said = text;
  };
  let isAsked = false;
  const isOver = untilOver();
  while (Date.now() < deadlineMs) {
    try {
      const view = isAsked
        ? await sessions.status(name)
        : (await sessions.destroy({ session: name, reason: 'shutdown' })).view;
      isAsked = true;
      const hasEnded = isOver(view);
      if (hasEnded || view.state !== 'IDLE') say(endingText(view));
      if (hasEnded) return true;
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
    await delay(LOOK_INTERVAL_MS);
  }
  return false;
}

/** A session that says it is over writes its receipt as its last word; one that was terminated writes none. */
const RECEIPT_PATIENCE_MS = 15_000;

function untilOver(): (view: SessionView) => boolean {
  let overSinceMs: number | null = null;
  return (view) => {
    if (view.state !== 'IDLE') return false;
    overSinceMs ??= Date.now();
    const isReceiptDue = view.receipt === null && view.startedAtMs !== null;
    return !isReceiptDue || Date.now() - overSinceMs > RECEIPT_PATIENCE_MS;
  };
}

function endingText(view: SessionView): string {
  if (view.state !== 'IDLE') return view.detail;
  if (view.receipt === null) return 'ended';
  return `gone; ${view.receipt.outcome} (${view.receipt.reason}), ${usd(view.receipt.usd.total)} in all`;
}
