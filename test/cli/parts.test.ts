import { expect, test } from 'vitest';
import { Parts } from '../../src/cli/compose/parts.ts';

test('what needs another part stops before it, whatever the order of the start', async () => {
  const parts = new Parts();
  const stopped: string[] = [];
  for (const part of ['Temporal', 'worker', 'HTTP server', 'simulated market'] as const)
    parts.add(part, async () => void stopped.push(part));
  expect(await parts.stop()).toEqual([]);
  expect(stopped).toEqual(['HTTP server', 'worker', 'simulated market', 'Temporal']);
});

test('a part that cannot stop is told of and holds up no other', async () => {
  const parts = new Parts();
  const stopped: string[] = [];
  parts.add('worker', () => Promise.reject(new Error('an activity hangs')));
  parts.add('Temporal', async () => void stopped.push('Temporal'));
  expect(await parts.stop()).toEqual([{ part: 'worker', why: 'an activity hangs' }]);
  expect(stopped).toEqual(['Temporal']);
});

test('a part that hangs is left behind when its time is up', async () => {
  const parts = new Parts({ stopTimeoutMs: 20 });
  const stopped: string[] = [];
  parts.add('worker', () => new Promise(() => undefined));
  parts.add('Temporal', async () => void stopped.push('Temporal'));
  expect(await parts.stop()).toMatchObject([
    { part: 'worker', why: expect.stringContaining('did not stop') },
  ]);
  expect(stopped).toEqual(['Temporal']);
});

test('the first part that dies is named with its reason', async () => {
  const parts = new Parts();
  parts.tellDeath('worker', new Error('Temporal is gone'));
  parts.tellDeath('HTTP server', 'later');
  expect(await parts.died).toEqual({ part: 'worker', why: 'Temporal is gone' });
});

test('a part that ends while all are being stopped has not died', async () => {
  const parts = new Parts();
  parts.add('Temporal', async () => parts.tellDeath('Temporal', 'ended'));
  await parts.stop();
  const first = await Promise.race([parts.died, Promise.resolve('nobody')]);
  expect(first).toBe('nobody');
});
