import type { Serving, ServingOrder } from '../backend.ts';

/** A container that starts no model server (other people's, mostly): it runs, serves nothing and logs nothing. */
export function startIdleContainer(order: ServingOrder): Serving {
  const ended = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  const exit = order.faults.find(({ fault }) => fault === 'exits');
  const end = (): void => ended.resolve({ code: 0, signal: null });
  const timer = exit && setTimeout(end, order.loadMs + exit.afterMs);
  return { logLines: () => [], exited: ended.promise, stop: async () => clearTimeout(timer) };
}
