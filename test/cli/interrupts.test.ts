import { expect, test, vi } from 'vitest';
import { watchInterrupts } from '../../src/cli/interrupts.ts';

/** Told apart without waiting: the clock of the presses is the test's. */
function pressAt(ms: number): void {
  vi.spyOn(performance, 'now').mockReturnValue(ms);
  process.emit('SIGINT', 'SIGINT');
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => true), Promise.resolve().then(() => false)]);
}

test('one press that npm passes on a second time is one press; a later one is the second', async () => {
  using interrupts = watchInterrupts();
  pressAt(1_000);
  pressAt(1_040);
  expect(await isSettled(interrupts.first)).toBe(true);
  expect(await isSettled(interrupts.second)).toBe(false);
  pressAt(4_000);
  expect(await isSettled(interrupts.second)).toBe(true);
});

test('afterwards signals are nobody’s business again', () => {
  const before = process.listenerCount('SIGINT');
  watchInterrupts()[Symbol.dispose]();
  expect(process.listenerCount('SIGINT')).toBe(before);
});
