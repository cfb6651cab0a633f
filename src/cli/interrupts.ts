/** Two presses of Ctrl-C (or signals of a supervisor): the first asks to end, the second to leave at once. */
export type Interrupts = {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  [Symbol.dispose](): void;
};

/**
 * One press reaches us more than once: the terminal signals the whole group, and npm, which runs us, passes
 * its own copy on. What follows within a second is the same press.
 */
const SAME_PRESS_MS = 1_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function watchInterrupts(): Interrupts {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let firstAtMs: number | null = null;
  const onSignal = () => {
    if (firstAtMs === null) {
      firstAtMs = performance.now();
      first.resolve();
    } else if (performance.now() - firstAtMs > SAME_PRESS_MS) {
      second.resolve();
    }
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    first: first.promise,
    second: second.promise,
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
