import { setTimeout as pause } from 'node:timers/promises';
import type { ScaleStack } from './stack.ts';

/** Calls to the market in a span, by kind. */
export type Calls = ReadonlyMap<string, { readonly calls: number; readonly refused: number }>;

/** Read so often that the market forgets none of them in between. */
const READ_EVERY_MS = 20_000;

/** Counts what is asked of the market until `stop`. */
export function countCalls(stack: ScaleStack): { stop(): Promise<Calls> } {
  const counts = new Map<string, { calls: number; refused: number }>();
  const stopping = new AbortController();
  let after: number | null = null;
  const read = async (): Promise<void> => {
    const entries = await stack.market.requests(after ?? 0);
    const isFirst = after === null;
    after = entries.at(-1)?.seq ?? after ?? 0;
    if (isFirst) return;
    for (const { call, status } of entries) {
      if (call === null) continue;
      const counted = counts.get(call) ?? { calls: 0, refused: 0 };
      counted.calls += 1;
      if (status === 429) counted.refused += 1;
      counts.set(call, counted);
    }
  };
  const reading = (async () => {
    while (!stopping.signal.aborted) {
      await read();
      await pause(READ_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await read();
  })();
  return {
    stop: async () => {
      stopping.abort();
      await reading;
      return counts;
    },
  };
}
