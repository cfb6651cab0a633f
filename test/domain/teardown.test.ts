import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeTeardown, type TeardownFacts } from '../../src/domain/teardown.ts';

const RULES = { absenceGapMs: 5_000, settleMs: 60_000 };
const SENT_MS = 1_000_000;
const DELETED_MS = SENT_MS + 20_000;

/** Rented, seen, its DELETE sent, not looked for since. */
function someFacts(set: Partial<TeardownFacts> = {}): TeardownFacts {
  return {
    createSentAtMs: SENT_MS,
    ids: [{ instanceId: 9001, deleteSentAtMs: DELETED_MS }],
    wasSeen: true,
    absences: [],
    ...set,
  };
}

const UNSEEN = someFacts({ ids: [], wasSeen: false });
const SETTLED_MS = SENT_MS + RULES.settleMs;

describe('an instance counts as gone', () => {
  test('at once when its create was never sent', () => {
    expect(judgeTeardown({ ...UNSEEN, createSentAtMs: null }, RULES)).toEqual({ kind: 'gone' });
  });

  test('not when an id is known, whatever is thought of its create', () => {
    const facts = someFacts({ createSentAtMs: null, ids: [{ instanceId: 9001, deleteSentAtMs: null }] });
    expect(judgeTeardown(facts, RULES)).toEqual({ kind: 'destroy', instanceIds: [9001] });
  });

  test('after two absences with the gap between them, and not after one or two in one breath', () => {
    const at = (...afterMs: number[]) => someFacts({ absences: afterMs.map((ms) => DELETED_MS + ms) });
    expect(judgeTeardown(at(1_000), RULES)).toEqual({ kind: 'look' });
    expect(judgeTeardown(at(1_000, 5_999), RULES)).toEqual({ kind: 'look' });
    expect(judgeTeardown(at(1_000, 6_000), RULES)).toEqual({ kind: 'gone' });
  });

  test('only by absences after its DELETE', () => {
    const absences = [DELETED_MS - 9_000, DELETED_MS - 1, DELETED_MS + 1_000];
    expect(judgeTeardown(someFacts({ absences }), RULES)).toEqual({ kind: 'look' });
    expect(judgeTeardown(someFacts({ absences: [...absences, DELETED_MS + 6_000] }), RULES).kind).toBe(
      'gone',
    );
  });

  test('only after the settling time when it was never seen, since lists lag behind a create', () => {
    const absences = [SENT_MS + 1_000, SENT_MS + 30_000, SETTLED_MS - 1];
    expect(judgeTeardown({ ...UNSEEN, absences }, RULES)).toEqual({ kind: 'look' });
    expect(judgeTeardown({ ...UNSEEN, absences: [...absences, SETTLED_MS] }, RULES).kind).toBe('look');
    expect(judgeTeardown({ ...UNSEEN, absences: [SETTLED_MS, SETTLED_MS + 5_000] }, RULES).kind).toBe('gone');
  });

  test('only after the settling time also when its id is known from the reply alone', () => {
    const absences = [DELETED_MS + 1_000, DELETED_MS + 9_000];
    expect(judgeTeardown(someFacts({ wasSeen: false, absences }), RULES)).toEqual({ kind: 'look' });
  });
});

describe('a DELETE is sent', () => {
  test('for every id that has had none, before anything else', () => {
    const ids = [
      { instanceId: 1, deleteSentAtMs: DELETED_MS },
      { instanceId: 2, deleteSentAtMs: null },
      { instanceId: 3, deleteSentAtMs: null },
    ];
    const absences = [DELETED_MS + 1_000, DELETED_MS + 60_000];
    expect(judgeTeardown(someFacts({ ids, absences }), RULES)).toEqual({
      kind: 'destroy',
      instanceIds: [2, 3],
    });
  });

  test('again while the instance is still there', () => {
    expect(judgeTeardown(someFacts(), RULES)).toEqual({ kind: 'destroy', instanceIds: [9001] });
  });

  test('to nobody while no id is known', () => {
    expect(judgeTeardown(UNSEEN, RULES)).toEqual({ kind: 'look' });
  });
});

test('whatever was seen: gone means a DELETE for each id, then two counting absences the gap apart', () => {
  const moment = fc.integer({ min: SENT_MS, max: SENT_MS + 120_000 });
  const facts = fc.record({
    createSentAtMs: fc.constant(SENT_MS),
    ids: fc.array(
      fc.record({
        instanceId: fc.integer({ min: 1, max: 9 }),
        deleteSentAtMs: fc.option(moment, { freq: 6 }),
      }),
      { maxLength: 2 },
    ),
    wasSeen: fc.boolean(),
    absences: fc.array(moment, { maxLength: 6 }).map((all) => all.sort((a, b) => a - b)),
  });
  let gone = 0;
  fc.assert(
    fc.property(facts, (seen) => {
      const verdict = judgeTeardown(seen, RULES);
      const unsent = seen.ids.filter(({ deleteSentAtMs }) => deleteSentAtMs === null);
      expect(verdict.kind === 'destroy' && seen.absences.length > 0).toBe(
        unsent.length > 0 && seen.absences.length > 0,
      );
      if (verdict.kind !== 'gone') return;
      gone += 1;
      expect(unsent).toEqual([]);
      const countsFromMs = Math.max(
        seen.wasSeen ? 0 : SETTLED_MS,
        ...seen.ids.map(({ deleteSentAtMs }) => deleteSentAtMs ?? Number.NaN),
      );
      const counting = seen.absences.filter((atMs) => atMs >= countsFromMs);
      expect(counting.length).toBeGreaterThanOrEqual(2);
      expect((counting.at(-1) ?? 0) - (counting[0] ?? 0)).toBeGreaterThanOrEqual(RULES.absenceGapMs);
    }),
    { numRuns: 500 },
  );
  expect(gone).toBeGreaterThan(0);
});
