import { describe, expect, test } from 'vitest';
import {
  callOff,
  close,
  configure,
  emptyLedger,
  endAttempt,
  grant,
  type LedgerState,
  noteAnswered,
  numbersOf,
  rebuild,
  reservationKey,
  reserve,
  spendGrant,
  unansweredCreates,
} from '../../src/domain/ledger.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 2, 10, 12);
const A = reservationKey({ owner: 'ownerowner', session: 'a', run: 'runrunrun1' });
const B = reservationKey({ owner: 'ownerowner', session: 'b', run: 'runrunrun2' });

/** Rebuilt and without a period, so that only what a test does moves its numbers. */
function aLedger(set: Partial<LedgerState> = {}): LedgerState {
  return { ...emptyLedger('ownerowner', NOW_MS), limitUsd: 10, period: 'none', isRebuilt: true, ...set };
}

function withReserved(state: LedgerState, key: string, capUsd = 2): LedgerState {
  return reserve(state, { key, session: key, capUsd, nowMs: NOW_MS }).state;
}

function granted(state: LedgerState, key: string, attempt = 1, machineId = 501): LedgerState {
  return grant(state, { key, attempt, machineId, usdPerHour: 0.5, nowMs: NOW_MS }).state;
}

describe('reserving', () => {
  test('a session that fits exactly is taken on, one more is refused with the three numbers', () => {
    let state = aLedger({ limitUsd: 0.3 });
    state = withReserved(state, 'one', 0.1);
    const second = reserve(state, { key: 'two', session: 's', capUsd: 0.2, nowMs: NOW_MS });
    expect(second.answer.kind).toBe('reserved');
    const third = reserve(second.state, { key: 'three', session: 's', capUsd: 0.01, nowMs: NOW_MS });
    expect(third.answer.kind).toBe('over-budget');
    expect(third.answer.numbers.limitUsd).toBe(0.3);
    expect(third.answer.numbers.spentUsd).toBe(0);
    expect(third.answer.numbers.reservedUsd).toBeCloseTo(0.3, 12);
    expect(Object.keys(third.state.reservations)).toEqual(['one', 'two']);
  });

  test('asking twice reserves once', () => {
    const once = withReserved(aLedger(), A);
    expect(reserve(once, { key: A, session: 'a', capUsd: 2, nowMs: NOW_MS })).toEqual({
      state: once,
      answer: { kind: 'reserved', numbers: { limitUsd: 10, spentUsd: 0, reservedUsd: 2 } },
    });
  });

  test('a ledger that starts anew takes nothing on before it knows what was spent', () => {
    const anew = configure(emptyLedger('ownerowner', NOW_MS), {
      limitUsd: 10,
      period: 'none',
      nowMs: NOW_MS,
    });
    const order = { key: A, session: 'a', capUsd: 2, nowMs: NOW_MS };
    expect(reserve(anew, order).answer.kind).toBe('not-rebuilt');
    const rebuilt = rebuild(anew, { spentUsd: 9, open: [] });
    expect(reserve(rebuilt, order).answer.kind).toBe('over-budget');
    expect(reserve(rebuilt, { ...order, capUsd: 1 }).answer.kind).toBe('reserved');
  });

  test('a closed run is not taken on again', () => {
    const closed = close(withReserved(aLedger(), A), { key: A, usd: 0.5, nowMs: NOW_MS });
    expect(reserve(closed, { key: A, session: 'a', capUsd: 2, nowMs: NOW_MS }).answer.kind).toBe('closed');
  });

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])(
    'a budget of %d is no money and gets none',
    (capUsd) => {
      const { state, answer } = reserve(aLedger(), { key: A, session: 'a', capUsd, nowMs: NOW_MS });
      expect(answer.kind).toBe('over-budget');
      expect(state.reservations).toEqual({});
    },
  );

  test('a lower limit takes nothing back and lets nothing more in', () => {
    const lowered = configure(withReserved(aLedger(), A), { limitUsd: 1, period: 'none', nowMs: NOW_MS });
    expect(numbersOf(lowered)).toEqual({ limitUsd: 1, spentUsd: 0, reservedUsd: 2 });
    expect(reserve(lowered, { key: B, session: 'b', capUsd: 0.01, nowMs: NOW_MS }).answer.kind).toBe(
      'over-budget',
    );
  });
});

describe('granting', () => {
  test('a machine that another session is renting is not given twice', () => {
    const state = granted(withReserved(withReserved(aLedger(), A), B), A);
    const order = { key: B, attempt: 1, machineId: 501, usdPerHour: 0.5, nowMs: NOW_MS };
    expect(grant(state, order).answer).toMatchObject({ kind: 'machine-taken', by: A });
    const answered = noteAnswered(state, { key: A, attempt: 1, usdPerHour: 0.5 });
    expect(grant(answered, order).answer).toEqual({ kind: 'granted' });
  });

  test('each that a machine is refused to is told a number of its own, and what else is held', () => {
    const [C, D] = [`${B}c`, `${B}d`];
    const others = [B, C, D];
    let state = granted(withReserved(aLedger(), A), A);
    for (const key of others) state = withReserved(state, key);
    const crowds = others.map((key) => {
      const step = grant(state, { key, attempt: 1, machineId: 501, usdPerHour: 0.5, nowMs: NOW_MS });
      state = step.state;
      return step.answer.kind === 'machine-taken' ? step.answer.crowd : undefined;
    });
    expect(crowds).toEqual([1, 2, 3].map((turnedAway) => ({ heldMachines: [501], turnedAway })));
    const elsewhere = granted(state, B, 2, 502);
    const refused = grant(elsewhere, { key: C, attempt: 2, machineId: 502, usdPerHour: 0.5, nowMs: NOW_MS });
    expect(refused.answer).toMatchObject({ crowd: { heldMachines: [501, 502], turnedAway: 1 } });
  });

  test('two hosts of one hedge are two machines', () => {
    const state = granted(withReserved(aLedger(), A), A, 1);
    expect(
      grant(state, { key: A, attempt: 2, machineId: 501, usdPerHour: 0.5, nowMs: NOW_MS }).answer.kind,
    ).toBe('machine-taken');
  });

  test('a machine is free again when its attempt is called off or its session closed', () => {
    const state = granted(withReserved(withReserved(aLedger(), A), B), A);
    const order = { key: B, attempt: 1, machineId: 501, usdPerHour: 0.5, nowMs: NOW_MS };
    expect(grant(callOff(state, { key: A, attempt: 1 }).state, order).answer.kind).toBe('granted');
    expect(grant(close(state, { key: A, usd: 0, nowMs: NOW_MS }), order).answer.kind).toBe('granted');
  });

  test('without a reservation there is no grant', () => {
    const order = { key: A, attempt: 1, machineId: 501, usdPerHour: 0.5, nowMs: NOW_MS };
    expect(grant(aLedger(), order).answer).toEqual({ kind: 'closed' });
    expect(spendGrant(aLedger(), { key: A, attempt: 1, nowMs: 0 }).answer).toEqual({ kind: 'no-grant' });
  });

  test('a reset session that wants another machine under the same number holds that one', () => {
    const state = granted(withReserved(withReserved(aLedger(), A), B), A, 1, 501);
    const moved = grant(state, { key: A, attempt: 1, machineId: 502, usdPerHour: 0.6, nowMs: NOW_MS });
    expect(moved.answer.kind).toBe('granted');
    const want = { key: B, attempt: 1, usdPerHour: 0.5, nowMs: NOW_MS };
    expect(grant(moved.state, { ...want, machineId: 502 }).answer.kind).toBe('machine-taken');
    expect(grant(moved.state, { ...want, machineId: 501 }).answer.kind).toBe('granted');
  });

  test('a number whose create may have gone out is not granted for another machine', () => {
    const spent = spendGrant(granted(withReserved(aLedger(), A), A, 1, 501), {
      key: A,
      attempt: 1,
      nowMs: 0,
    }).state;
    const order = { key: A, attempt: 1, machineId: 502, usdPerHour: 0.6, nowMs: NOW_MS };
    expect(grant(spent, order)).toEqual({ state: spent, answer: { kind: 'machine-taken', by: A } });
    expect(grant(spent, { ...order, machineId: 501 }).answer.kind).toBe('granted');
  });
});

describe('calling off', () => {
  test('once called off, no create can follow, and asking again says so again', () => {
    const state = granted(withReserved(aLedger(), A), A);
    const off = callOff(state, { key: A, attempt: 1 });
    expect(off.answer.kind).toBe('never-sent');
    expect(spendGrant(off.state, { key: A, attempt: 1, nowMs: 0 }).answer.kind).toBe('spent-before');
    expect(callOff(off.state, { key: A, attempt: 1 })).toEqual({
      state: off.state,
      answer: { kind: 'never-sent' },
    });
  });

  test('a create that was taken up may be sent, whatever is called off afterwards', () => {
    const spent = spendGrant(granted(withReserved(aLedger(), A), A), { key: A, attempt: 1, nowMs: 0 });
    expect(spent.answer.kind).toBe('spent-now');
    expect(callOff(spent.state, { key: A, attempt: 1 })).toEqual({
      state: spent.state,
      answer: { kind: 'may-be-sent' },
    });
  });

  test('of an attempt the ledger does not know, nothing is promised', () => {
    expect(callOff(aLedger(), { key: A, attempt: 1 }).answer.kind).toBe('may-be-sent');
  });
});

describe('closing', () => {
  const laterMs = NOW_MS + 2 * HOUR_MS;

  test('what a session cost is spent, the rest of its budget is free again, once', () => {
    const closed = close(withReserved(aLedger(), A), { key: A, usd: 0.7, nowMs: NOW_MS });
    expect(numbersOf(closed)).toEqual({ limitUsd: 10, spentUsd: 0.7, reservedUsd: 0 });
    expect(close(closed, { key: A, usd: 0.7, nowMs: NOW_MS })).toEqual(closed);
  });

  test('a session that left no figure counts what its attempts were booked at', () => {
    let state = withReserved(aLedger(), A);
    state = granted(state, A, 1, 501);
    state = spendGrant(state, { key: A, attempt: 1, nowMs: 0 }).state;
    state = endAttempt(state, { key: A, attempt: 1, usd: 0.11, nowMs: NOW_MS });
    state = granted(state, A, 2, 502); // granted, never sent
    state = granted(state, A, 3, 503);
    state = spendGrant(state, { key: A, attempt: 3, nowMs: 0 }).state;
    state = noteAnswered(state, { key: A, attempt: 3, usdPerHour: 0.6 });
    expect(close(state, { key: A, usd: null, nowMs: laterMs }).spentUsd).toBeCloseTo(0.11 + 2 * 0.6, 9);
  });

  test('a create given up unseen stays booked until it is shown absent', () => {
    let state = spendGrant(granted(withReserved(aLedger(), A), A), { key: A, attempt: 1, nowMs: 0 }).state;
    expect(close(state, { key: A, usd: null, nowMs: laterMs }).spentUsd).toBeCloseTo(1, 9);
    state = endAttempt(state, { key: A, attempt: 1, usd: 0, nowMs: laterMs });
    expect(close(state, { key: A, usd: null, nowMs: laterMs }).spentUsd).toBe(0);
  });

  test('a reservation whose bookings were lost with its ledger counts whole', () => {
    const found = { spentUsd: 1, open: [{ key: A, session: 'a', capUsd: 2, openedAtMs: NOW_MS }] };
    const state = rebuild(aLedger({ isRebuilt: false }), found);
    expect(numbersOf(state)).toEqual({ limitUsd: 10, spentUsd: 1, reservedUsd: 2 });
    expect(close(state, { key: A, usd: null, nowMs: laterMs }).spentUsd).toBe(3);
    expect(close(state, { key: A, usd: 0.4, nowMs: laterMs }).spentUsd).toBeCloseTo(1.4, 9);
  });

  test.each([Number.NaN, -5, Number.POSITIVE_INFINITY])('a cost of %d is no figure', (usd) => {
    const state = spendGrant(granted(withReserved(aLedger(), A), A), { key: A, attempt: 1, nowMs: 0 }).state;
    expect(close(state, { key: A, usd, nowMs: laterMs }).spentUsd).toBeCloseTo(1, 9);
  });

  test('the memory of closed runs is bounded and keeps the newest', () => {
    let state = aLedger();
    for (let run = 0; run < 1_005; run += 1)
      state = close(state, { key: `run-${run}`, usd: 0, nowMs: NOW_MS });
    expect(state.closedKeys).toHaveLength(1_000);
    expect(state.closedKeys.at(-1)).toBe('run-1004');
  });
});

describe('rebuilding', () => {
  test('is done once', () => {
    const rebuilt = rebuild(aLedger({ isRebuilt: false }), { spentUsd: 3, open: [] });
    expect(rebuild(rebuilt, { spentUsd: 5, open: [] })).toBe(rebuilt);
  });

  test('what closed meanwhile is neither forgotten nor opened again', () => {
    const early = close(aLedger({ isRebuilt: false }), { key: A, usd: 0.5, nowMs: NOW_MS });
    const found = { spentUsd: 3, open: [{ key: A, session: 'a', capUsd: 2, openedAtMs: NOW_MS }] };
    expect(numbersOf(rebuild(early, found))).toEqual({ limitUsd: 10, spentUsd: 3.5, reservedUsd: 0 });
  });
});

describe('creates that nobody has answered', () => {
  const spend = (state: LedgerState, attempt: number, nowMs: number) =>
    spendGrant(state, { key: A, attempt, nowMs }).state;

  test('are told with the moment of the newest, until they are answered, called off or ended', () => {
    let state = granted(granted(withReserved(aLedger(), A), A, 1, 501), A, 2, 502);
    expect(unansweredCreates(state)).toEqual({});
    state = spend(spend(state, 1, NOW_MS), 2, NOW_MS + 5_000);
    expect(unansweredCreates(state)).toEqual({ [A]: NOW_MS + 5_000 });
    state = noteAnswered(state, { key: A, attempt: 2, usdPerHour: null });
    expect(unansweredCreates(state)).toEqual({ [A]: NOW_MS });
    state = endAttempt(state, { key: A, attempt: 1, usd: 0, nowMs: NOW_MS + 9_000 });
    expect(unansweredCreates(state)).toEqual({});
  });

  test('are gone with their reservation', () => {
    const state = spend(granted(withReserved(aLedger(), A), A), 1, NOW_MS);
    expect(unansweredCreates(close(state, { key: A, usd: 0, nowMs: NOW_MS }))).toEqual({});
  });
});
