import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bookedUsd,
  callOff,
  close,
  emptyLedger,
  endAttempt,
  grant,
  type LedgerState,
  noteAnswered,
  numbersOf,
  reserve,
  spendGrant,
} from '../../src/domain/ledger.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 2, 10, 12);

type Step =
  | { do: 'reserve'; key: string; capUsd: number }
  | { do: 'grant'; key: string; attempt: number; machineId: number }
  | { do: 'spend' | 'call-off' | 'answer'; key: string; attempt: number }
  | { do: 'end'; key: string; attempt: number; usd: number }
  | { do: 'close'; key: string; usd: number | null }
  | { do: 'wait'; ms: number };

const key = fc.constantFrom('a', 'b', 'c', 'd');
const attempt = fc.integer({ min: 1, max: 3 });
const money = fc.double({ min: 0, max: 3, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('reserve' as const), key, capUsd: money }), weight: 2 },
  {
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      key,
      attempt,
      machineId: fc.integer({ min: 1, max: 3 }),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      do: fc.constantFrom('spend' as const, 'call-off' as const, 'answer' as const),
      key,
      attempt,
    }),
    weight: 4,
  },
  { arbitrary: fc.record({ do: fc.constant('end' as const), key, attempt, usd: money }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant('close' as const), key, usd: fc.option(money) }), weight: 1 },
  {
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.integer({ min: 0, max: 400 * HOUR_MS }),
    }),
    weight: 1,
  },
);

/** Plays steps on a ledger and hands every one with what it answered to `see`. */
function play(
  steps: readonly Step[],
  start: LedgerState,
  see: (seen: {
    step: Step;
    before: LedgerState;
    after: LedgerState;
    answer: string | null;
    nowMs: number;
  }) => void,
): void {
  let state = start;
  let nowMs = NOW_MS;
  for (const one of steps) {
    if (one.do === 'wait') nowMs += one.ms;
    const { state: after, answer } = applied(state, one, nowMs);
    see({ step: one, before: state, after, answer, nowMs });
    state = after;
  }
}

function applied(
  state: LedgerState,
  one: Step,
  nowMs: number,
): { state: LedgerState; answer: string | null } {
  const kindOf = (done: { state: LedgerState; answer: { kind: string } }) => ({
    state: done.state,
    answer: done.answer.kind,
  });
  switch (one.do) {
    case 'reserve':
      return kindOf(reserve(state, { ...one, session: one.key, nowMs }));
    case 'grant':
      return kindOf(grant(state, { ...one, usdPerHour: 0.5, nowMs }));
    case 'spend':
      return kindOf(spendGrant(state, { ...one, nowMs }));
    case 'call-off':
      return kindOf(callOff(state, one));
    case 'answer':
      return { state: noteAnswered(state, { ...one, usdPerHour: 0.7 }), answer: null };
    case 'end':
      return { state: endAttempt(state, { ...one, nowMs }), answer: null };
    case 'close':
      return { state: close(state, { ...one, nowMs }), answer: null };
    case 'wait':
      return { state, answer: null };
  }
}

describe('whatever happens in whatever order', () => {
  const steps = fc.array(step, { maxLength: 60, size: 'max' });
  const period = fc.constantFrom('month', 'none', '7d');
  const starting = (name: string): LedgerState => ({
    ...emptyLedger('ownerowner', NOW_MS),
    limitUsd: 5,
    period: name,
    isRebuilt: true,
  });

  test('what is newly reserved fits into the limit with all that is spent and reserved', () => {
    fc.assert(
      fc.property(steps, period, (all, name) => {
        play(all, starting(name), ({ step: one, before, after, answer }) => {
          if (one.do !== 'reserve' || answer !== 'reserved') return;
          const isNew = before.reservations[one.key] === undefined;
          const { spentUsd, reservedUsd } = numbersOf(after);
          if (isNew) expect(spentUsd + reservedUsd).toBeLessThanOrEqual(5 + 1e-6);
        });
      }),
    );
  });

  test('a create is taken up once for each attempt, and never after it was called off', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const taken = new Set<string>();
        const off = new Set<string>();
        play(all, starting('none'), ({ step: one, answer }) => {
          if (one.do !== 'spend' && one.do !== 'call-off') return;
          const name = `${one.key}/${one.attempt}`;
          if (answer === 'never-sent') {
            expect(taken).not.toContain(name);
            off.add(name);
          }
          if (answer === 'spent-now') {
            expect(taken).not.toContain(name);
            expect(off).not.toContain(name);
            taken.add(name);
          }
        });
      }),
    );
  });

  test('a machine is held by one attempt at most', () => {
    fc.assert(
      fc.property(steps, (all) => {
        play(all, starting('none'), ({ after }) => {
          const held = Object.values(after.reservations)
            .flatMap(({ attempts }) => Object.values(attempts))
            .filter(({ isAnswered }) => !isAnswered)
            .map(({ machineId }) => machineId);
          expect(new Set(held).size).toBe(held.length);
        });
      }),
    );
  });

  test('what is done twice is done once, with the same answer unless it was the one create', () => {
    fc.assert(
      fc.property(steps, period, (all, name) => {
        play(all, starting(name), ({ step: one, after, answer, nowMs }) => {
          const again = applied(after, one, nowMs);
          expect(again.state).toEqual(after);
          if (answer !== 'spent-now') expect(again.answer).toBe(answer);
          else expect(again.answer).toBe('spent-before');
        });
      }),
    );
  });

  test('nothing is spent but by closing, and nothing that was reserved is lost otherwise', () => {
    fc.assert(
      fc.property(steps, period, (all, name) => {
        play(all, starting(name), ({ step: one, before, after }) => {
          if (one.do !== 'close') {
            expect(Object.keys(after.reservations)).toEqual(
              expect.arrayContaining(Object.keys(before.reservations)),
            );
            expect(after.spentUsd === before.spentUsd || after.spentUsd === 0).toBe(true);
          } else {
            const others = Object.keys(before.reservations).filter((name) => name !== one.key);
            expect(Object.keys(after.reservations)).toEqual(others);
          }
        });
      }),
    );
  });

  test('bookings never come to less than before as time passes, and the state stays plain JSON', () => {
    fc.assert(
      fc.property(steps, fc.nat(HOUR_MS), (all, laterMs) => {
        play(all, starting('month'), ({ after, nowMs }) => {
          expect(JSON.parse(JSON.stringify(after))).toEqual(structuredClone(after));
          for (const reservation of Object.values(after.reservations)) {
            const now = bookedUsd(reservation, nowMs);
            expect(now).toBeGreaterThanOrEqual(0);
            expect(bookedUsd(reservation, nowMs + laterMs)).toBeGreaterThanOrEqual(now);
          }
        });
      }),
    );
  });
});
