import { expect, test } from 'vitest';
import { clipLine, costLinesOf, groupCosts, sumOf } from '../../src/domain/costs.ts';
import { anInstance, aReceipt, aUsd, labelOf } from '../support/receipts.ts';

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 2, 10, 12);
const MIDNIGHT = Date.UTC(2026, 2, 11);

/** From noon to noon, running since 18:00, so that a third of its GPU and half of its disk lie before midnight. */
const overnight = anInstance({
  createdAtMs: NOON,
  runningAtMs: NOON + DAY_MS / 4,
  goneAtMs: NOON + DAY_MS,
  usd: aUsd({ gpu: 3, storage: 1, bandwidth: 0.5 }),
});

test('a day has the part of each cost that arose in it, and days come to the whole', () => {
  const lines = costLinesOf(aReceipt({ instances: [overnight] }));
  const days = groupCosts(lines, 'day');
  expect(days.map(({ key }) => key)).toEqual(['2026-03-10', '2026-03-11']);
  expect(days[0]?.usd).toEqual({ gpu: 1, storage: 0.5, bandwidth: 0.5, total: 2 });
  expect(days[1]?.usd).toEqual({ gpu: 2, storage: 0.5, bandwidth: 0, total: 2.5 });
});

test('spans that meet count everything once', () => {
  const [line] = costLinesOf(aReceipt({ instances: [overnight] }));
  if (line === undefined) throw new Error('a receipt with an instance has a line');
  const before = clipLine(line, { fromMs: 0, toMs: MIDNIGHT });
  const after = clipLine(line, { fromMs: MIDNIGHT, toMs: MIDNIGHT + 9 * DAY_MS });
  expect((before?.usd.total ?? 0) + (after?.usd.total ?? 0)).toBeCloseTo(4.5, 12);
  expect(clipLine(line, { fromMs: NOON + DAY_MS, toMs: NOON + 2 * DAY_MS })).toBeNull();
  expect(clipLine(line, { fromMs: 0, toMs: NOON })).toBeNull();
});

test('a contract that was gone at once is in the day it was made', () => {
  const brief = anInstance({
    createdAtMs: MIDNIGHT,
    runningAtMs: null,
    goneAtMs: MIDNIGHT,
    usd: aUsd({ storage: 0.001 }),
  });
  const lines = costLinesOf(aReceipt({ instances: [brief] }));
  expect(groupCosts(lines, 'day')).toMatchObject([{ key: '2026-03-11', usd: { total: 0.001 } }]);
});

test('every dimension comes to the same total', () => {
  const lines = [
    ...costLinesOf(aReceipt({ session: 'a', instances: [overnight] })),
    ...costLinesOf(aReceipt({ session: 'b', final: true })),
  ];
  for (const by of ['session', 'gpu', 'day', 'part', 'provider'] as const) {
    const groups = groupCosts(lines, by);
    expect(groups.reduce((sum, { usd }) => sum + usd.total, 0)).toBeCloseTo(sumOf(lines).usd.total, 12);
  }
  expect(groupCosts(lines, 'part').map(({ key }) => key)).toEqual(['gpu', 'storage', 'bandwidth']);
  expect(groupCosts(lines, 'gpu').map(({ key }) => key)).toEqual(['RTX 4090']);
});

test('a sum is worth no more than its weakest figure', () => {
  const lines = [
    ...costLinesOf(aReceipt({ session: 'a', final: true })),
    ...costLinesOf(aReceipt({ session: 'b' })),
  ];
  expect(
    groupCosts(lines, 'session')
      .map(({ key, standing }) => [key, standing])
      .sort(),
  ).toEqual([
    ['a', 'final'],
    ['b', 'not-final'],
  ]);
  expect(sumOf(lines).standing).toBe('not-final');
});

test('an attempt whose create was refused costs nothing and is no line', () => {
  const refused = anInstance({
    instanceId: null,
    createdAtMs: null,
    label: labelOf({ attempt: 2 }),
    usd: aUsd(),
  });
  expect(costLinesOf(aReceipt({ instances: [anInstance(), refused] }))).toHaveLength(1);
});
