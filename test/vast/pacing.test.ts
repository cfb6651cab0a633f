import { expect, test } from 'vitest';
import { createPacer } from '../../src/vast/client.ts';
import { NoTurn } from '../../src/vast/pacing.ts';
import { aClient, aPage } from './builders.ts';
import { anOddMarket } from './odd-market.ts';

const soon = () => Date.now() + 20_000;

/** Ms between one turn and the next. */
function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, at) => time - (times[at] ?? 0));
}

test('turns at one endpoint come in order and no closer than its threshold', async () => {
  const pacer = createPacer({ rateScale: 0.01 });
  const turns: { who: number; atMs: number }[] = [];
  await Promise.all(
    [1, 2, 3, 4].map(async (who) => {
      await pacer.awaitTurn('create', { deadlineMs: soon() });
      turns.push({ who, atMs: performance.now() });
    }),
  );
  expect(turns.map(({ who }) => who)).toEqual([1, 2, 3, 4]);
  expect(Math.min(...gapsOf(turns.map(({ atMs }) => atMs)))).toBeGreaterThanOrEqual(44);
});

test('endpoints do not wait for each other, but label, start and stop are one', async () => {
  const pacer = createPacer({ rateScale: 100 });
  for (const call of ['search', 'create', 'list', 'show', 'destroy', 'label'] as const) {
    await pacer.awaitTurn(call, { deadlineMs: soon() });
  }
  await expect(pacer.awaitTurn('stop', { deadlineMs: soon() })).rejects.toThrow(NoTurn);
});

test('ten searches may come at once, and the eleventh waits until the first is a minute old', async () => {
  const pacer = createPacer({ rateScale: 0.01 });
  const startedAt = performance.now();
  for (let searches = 0; searches < 10; searches += 1)
    await pacer.awaitTurn('search', { deadlineMs: soon() });
  expect(performance.now() - startedAt).toBeLessThan(500);
  await pacer.awaitTurn('search', { deadlineMs: soon() });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(600);
});

test('without a scale for rates nobody waits', async () => {
  const pacer = createPacer({ rateScale: 0 });
  for (let calls = 0; calls < 100; calls += 1)
    await pacer.awaitTurn('create', { deadlineMs: Date.now() + 1_000 });
});

test('whoever leaves the queue frees the place, and those behind move up', async () => {
  const pacer = createPacer({ rateScale: 0.05, queueMax: 2 });
  await pacer.awaitTurn('list', { deadlineMs: soon() });
  const cancel = new AbortController();
  const leaving = pacer.awaitTurn('list', { deadlineMs: soon(), signal: cancel.signal });
  const staying = pacer.awaitTurn('list', { deadlineMs: soon() });
  await expect(pacer.awaitTurn('list', { deadlineMs: soon() })).rejects.toThrow(
    '2 calls are waiting already',
  );

  cancel.abort(new Error('cancelled by the owner'));
  await expect(leaving).rejects.toThrow('cancelled by the owner');
  await pacer.awaitTurn('list', { deadlineMs: soon() });
  await staying;
});

test('a turn that does not come before the deadline is not awaited longer', async () => {
  const pacer = createPacer({ rateScale: 0.1 });
  await pacer.awaitTurn('create', { deadlineMs: soon() });
  // The next turn comes before this deadline; the one after it does not.
  const deadlineMs = Date.now() + 600;
  const next = pacer.awaitTurn('create', { deadlineMs });
  await expect(pacer.awaitTurn('create', { deadlineMs })).rejects.toThrow(NoTurn);
  await next;
});

test('a turn for somebody who has cancelled already is not given', async () => {
  const pacer = createPacer({ rateScale: 0 });
  const signal = AbortSignal.abort(new Error('cancelled by the owner'));
  await expect(pacer.awaitTurn('list', { deadlineMs: soon(), signal })).rejects.toThrow(
    'cancelled by the owner',
  );
});

test('after a 429 the endpoint rests, twice as long each time, until an answer comes', async () => {
  const pacer = createPacer({ rateScale: 0.02, random: () => 0 });
  const restOf = async (): Promise<number> => {
    const startedAt = performance.now();
    await pacer.awaitTurn('create', { deadlineMs: soon() });
    return performance.now() - startedAt;
  };
  pacer.holdBack('create', null);
  expect(await restOf()).toBeGreaterThanOrEqual(89);
  pacer.holdBack('create', null);
  expect(await restOf()).toBeGreaterThanOrEqual(179);
  pacer.release('create');
  pacer.holdBack('create', null);
  const third = await restOf();
  expect(third).toBeGreaterThanOrEqual(89);
  expect(third).toBeLessThan(179);
});

test('calls refused together count as one refusal', async () => {
  const pacer = createPacer({ rateScale: 0.02, random: () => 0 });
  for (let refusals = 0; refusals < 10; refusals += 1) pacer.holdBack('create', null);
  const startedAt = performance.now();
  await pacer.awaitTurn('create', { deadlineMs: soon() });
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test('an endpoint that says how long it wants to rest gets that long', async () => {
  const pacer = createPacer({ rateScale: 0 });
  pacer.holdBack('list', 300);
  const startedAt = performance.now();
  await pacer.awaitTurn('list', { deadlineMs: soon() });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
});

test('the market receives calls no closer than the threshold, and those after a 429 later', async () => {
  await using market = await anOddMarket(
    aPage([]),
    aPage([]),
    { status: 429, json: { detail: 'API requests too frequent', retry_after: 0.4 } },
    aPage([]),
  );
  await using vast = aClient(market.url, { rateScale: 0.3 });
  await Promise.all([vast.listInstances(), vast.listInstances(), vast.listInstances()]);
  const gaps = gapsOf(market.received.map(({ atMs }) => atMs));
  expect(gaps).toHaveLength(3);
  // Turns are 309 ms apart; a busy machine may deliver the first one late and the second on time.
  expect(gaps[0]).toBeGreaterThan(150);
  expect(gaps[2]).toBeGreaterThan(390);
});

test('clients that share a pacer share the threshold', async () => {
  await using market = await anOddMarket(aPage([]));
  const pacer = createPacer({ rateScale: 0.3 });
  await using one = aClient(market.url, { pacer });
  await using other = aClient(market.url, { pacer });
  await Promise.all([one.listInstances(), other.listInstances()]);
  expect(gapsOf(market.received.map(({ atMs }) => atMs))[0]).toBeGreaterThan(150);
});
