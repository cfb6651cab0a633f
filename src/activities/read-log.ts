import { stripVTControlCharacters } from 'node:util';
import { redactSecrets } from '../domain/redaction.ts';
import { MarketError } from '../vast/client.ts';
import type { Deps } from './deps.ts';
import { whileBeating } from './watching.ts';

export type LogOrder = {
  readonly instanceId: number;
  /** Newest lines. */
  readonly tail: number;
  /** Only lines that contain it. */
  readonly filter: string | null;
  readonly timeoutMs: number;
};

export type LogAnswer =
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'market-refused' | 'market-unreachable'; readonly message: string };

const HEARTBEAT_MS = 5_000;
/** It lies in Temporal's history for its retention, which takes 2 MB at most: newest first, when it is more. */
const CHARACTERS_MAX = 512 * 1_024;

/** The newest lines of an instance's log, without secrets: what leaves this process is kept for weeks. */
export async function readLog(deps: Deps, order: LogOrder): Promise<LogAnswer> {
  const { instanceId, tail, filter, timeoutMs } = order;
  try {
    const text = await whileBeating({ heartbeatMs: HEARTBEAT_MS, details: () => null }, () =>
      deps.vast.readLogs(
        instanceId,
        { tail, ...(filter === null ? {} : { filter }) },
        { deadlineMs: Date.now() + timeoutMs },
      ),
    );
    const { hfToken, imageLogin } = deps.secrets;
    const safe = redactSecrets(text, [hfToken, ...(imageLogin?.split(/\s+/) ?? [])]);
    return { kind: 'lines', lines: linesOf(safe.slice(-CHARACTERS_MAX)) };
  } catch (error) {
    if (!(error instanceof MarketError)) throw error;
    const isRefusal = error.kind === 'auth' || error.kind === 'refused';
    return { kind: isRefusal ? 'market-refused' : 'market-unreachable', message: error.message };
  }
}

/** Colours and whatever else a terminal would obey are left out: a host chooses what stands there. */
export function linesOf(text: string): string[] {
  const lines = text
    .split('\n')
    .map((line) => stripVTControlCharacters(line).replaceAll(/[^\P{Cc}\t]/gu, ''));
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
