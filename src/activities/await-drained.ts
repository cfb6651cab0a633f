import { readUsage } from '../vllm/probe.ts';
import type { Deps } from './deps.ts';
import { pinFor } from './pinning.ts';
import { rest, whileBeating } from './watching.ts';

/** Waits until no request is in flight, at most until the deadline; an instance that cannot say counts as drained. */
export async function awaitDrained(
  deps: Deps,
  order: { label?: string | undefined; endpoint: string; deadlineMs: number; heartbeatMs: number },
): Promise<{ drained: boolean }> {
  return whileBeating(
    { heartbeatMs: order.heartbeatMs, details: () => ({ draining: order.endpoint }) },
    async () => {
      for (;;) {
        const usage = await readUsage(order.endpoint, { timeoutMs: 5_000, ...pinFor(deps, order) });
        if (usage.kind !== 'usage' || usage.running + usage.waiting === 0) return { drained: true };
        if (Date.now() >= order.deadlineMs) return { drained: false };
        await rest(Math.min(500, order.deadlineMs - Date.now()));
      }
    },
  );
}
