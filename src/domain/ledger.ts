import type { BudgetAlert, UntoldAlert } from './budget-outlook.ts';
import type { NotificationTarget } from './notification.ts';
import { type Settled, settle } from './settled.ts';

/**
 * The ledger's rules. State is reservations and rates, never ticks, so it changes only when a session
 * opens, tries an offer or ends. Plain JSON; every function returns the state to keep and the answer to give.
 *
 * 1. `spent + reserved ≤ limit` for everything ever granted.
 * 2. Every request is idempotent by its key: `owner:session:run`, and the attempt's number inside it.
 * 3. A machine is held by one attempt at a time, from its grant until its create is answered.
 * 4. A grant is spent once; whoever comes second is told so.
 */
export type LedgerState = {
  readonly owner: string;
  readonly limitUsd: number;
  /** `month`, `none` or `<n>d`. */
  readonly period: string;
  readonly periodStartMs: number;
  /** False until spending of the period was read back from the provider: until then nothing is granted. */
  readonly isRebuilt: boolean;
  /** Dollars of the period by closed sessions. */
  readonly spentUsd: number;
  readonly reservations: Readonly<Record<string, Reservation>>;
  /** Keys of reservations closed lately, newest last; bounded. */
  readonly closedKeys: readonly string[];
  /** What closed sessions were booked with, by key; bounded. */
  readonly settled: Settled;
  /** From when on every session that closed is in `settled`. */
  readonly settledSinceMs: number;
  /** Thresholds reached in this period, and how many were in all. */
  readonly alerts: readonly BudgetAlert[];
  readonly alertsFired: number;
  /** Whom alerts are told, as the newest worker start set it; and those that were not told yet. */
  readonly notify: readonly NotificationTarget[];
  readonly untold: readonly UntoldAlert[];
};

export type Reservation = {
  readonly session: string;
  readonly capUsd: number;
  readonly openedAtMs: number;
  readonly attempts: Readonly<Record<string, BookedAttempt>>;
  /** Given back to a ledger that started anew: what it booked before is not known, so it counts whole. */
  readonly hasLostBookings: boolean;
};

export type BookedAttempt = {
  readonly machineId: number;
  readonly usdPerHour: number;
  readonly sinceMs: number;
  /** The create has been taken up by somebody. */
  readonly isSpent: boolean;
  /** When it was, epoch ms; missing in bookings of 0.1.0. */
  readonly spentAtMs?: number;
  /** The create was answered or called off: the machine is free for others. */
  readonly isAnswered: boolean;
  /** Called off before anybody took its create up: none was sent, nor ever will be. */
  readonly isCalledOff: boolean;
  /** Attempts that wanted its machine while it held it, in their order; bounded; absent: none. */
  readonly turnedAway?: readonly string[];
  /** Set when the attempt's instance is gone: what it cost. */
  readonly endedAtMs: number | null;
  readonly usd: number | null;
};

export type LedgerNumbers = {
  readonly limitUsd: number;
  readonly spentUsd: number;
  readonly reservedUsd: number;
};

export type ReserveAnswer =
  | { readonly kind: 'reserved'; readonly numbers: LedgerNumbers }
  | { readonly kind: 'over-budget'; readonly numbers: LedgerNumbers }
  | { readonly kind: 'not-rebuilt'; readonly numbers: LedgerNumbers }
  | { readonly kind: 'closed'; readonly numbers: LedgerNumbers };

export type GrantAnswer =
  | { readonly kind: 'granted' }
  | {
      readonly kind: 'machine-taken';
      readonly by: string;
      /** Where else not to ask; absent where nothing is known, as in answers of 0.1.0. */
      readonly crowd?: Crowd;
    }
  | { readonly kind: 'closed' };

/** Who else is renting: many that were searched for at once are given the same list of offers. */
export type Crowd = {
  /** Machines that are held just now. */
  readonly heldMachines: readonly number[];
  /** Which one of those that this machine was refused to: 1 is the first. */
  readonly turnedAway: number;
};

export type SpendAnswer =
  | { readonly kind: 'spent-now' }
  | { readonly kind: 'spent-before' }
  | { readonly kind: 'no-grant' };

export type CallOffAnswer = { readonly kind: 'never-sent' } | { readonly kind: 'may-be-sent' };

type Step<Answer> = { readonly state: LedgerState; readonly answer: Answer };

const CLOSED_KEYS_KEPT = 1_000;
const MS_PER_DAY = 86_400_000;
const MS_PER_HOUR = 3_600_000;

export function emptyLedger(owner: string, nowMs: number): LedgerState {
  return {
    owner,
    limitUsd: 0,
    period: 'month',
    periodStartMs: periodStart('month', nowMs, nowMs),
    isRebuilt: false,
    spentUsd: 0,
    reservations: {},
    closedKeys: [],
    settled: {},
    settledSinceMs: nowMs,
    alerts: [],
    alertsFired: 0,
    notify: [],
    untold: [],
  };
}

/** A state carried over by an older version, with what it did not have yet. */
export function carriedLedger(carried: Partial<LedgerState> & { owner: string }, nowMs: number): LedgerState {
  return { ...emptyLedger(carried.owner, nowMs), ...carried };
}

export function reservationKey(session: { owner: string; session: string; run: string }): string {
  return `${session.owner}:${session.session}:${session.run}`;
}

/** Checkpoint 1. Reserves the whole budget of a session, or says the three numbers why not. */
export function reserve(
  before: LedgerState,
  want: { readonly key: string; readonly session: string; readonly capUsd: number; readonly nowMs: number },
): Step<ReserveAnswer> {
  const state = rollPeriod(before, want.nowMs);
  const numbers = numbersOf(state);
  if (state.reservations[want.key] !== undefined) return { state, answer: { kind: 'reserved', numbers } };
  if (state.closedKeys.includes(want.key)) return { state, answer: { kind: 'closed', numbers } };
  if (!state.isRebuilt) return { state, answer: { kind: 'not-rebuilt', numbers } };
  if (!hasRoom(numbers, want.capUsd)) {
    return { state, answer: { kind: 'over-budget', numbers } };
  }
  const reservation: Reservation = {
    session: want.session,
    capUsd: want.capUsd,
    openedAtMs: want.nowMs,
    attempts: {},
    hasLostBookings: false,
  };
  const after = { ...state, reservations: { ...state.reservations, [want.key]: reservation } };
  return { state: after, answer: { kind: 'reserved', numbers: numbersOf(after) } };
}

/**
 * Books an attempt at its offer's price and gives it the machine, if nobody else is renting that machine.
 *
 * A workflow that was reset asks again under the same number and may want another machine by then: it gets
 * that one while the grant is unspent, and another offer to try once it is not.
 */
export function grant(
  state: LedgerState,
  want: {
    readonly key: string;
    readonly attempt: number;
    readonly machineId: number;
    readonly usdPerHour: number;
    readonly nowMs: number;
  },
): Step<GrantAnswer> {
  const reservation = state.reservations[want.key];
  if (reservation === undefined) return { state, answer: { kind: 'closed' } };
  const before = reservation.attempts[want.attempt];
  if (before?.machineId === want.machineId) return { state, answer: { kind: 'granted' } };
  if (before?.isSpent === true) return { state, answer: { kind: 'machine-taken', by: want.key } };
  const holder = holderOf(state, want.machineId);
  if (holder !== null) return turnAway(state, holder, `${want.key}:${want.attempt}`);
  const booked: BookedAttempt = {
    machineId: want.machineId,
    usdPerHour: want.usdPerHour,
    sinceMs: want.nowMs,
    isSpent: false,
    isAnswered: false,
    isCalledOff: false,
    endedAtMs: null,
    usd: null,
  };
  return { state: withAttempt(state, want.key, want.attempt, booked), answer: { kind: 'granted' } };
}

/**
 * Each that is turned away is told a number of its own, by which they do not all ask for the same machine next; who
 * asks again is told the same.
 */
function turnAway(state: LedgerState, holder: Holder, who: string): Step<GrantAnswer> {
  const { key, attempt, booked } = holder;
  const before = booked.turnedAway ?? [];
  const isKept = before.includes(who) || before.length >= TURNED_AWAY_KEPT;
  const turnedAway = isKept ? before : [...before, who];
  const place = turnedAway.indexOf(who) + 1 || turnedAway.length;
  return {
    state: isKept ? state : withAttempt(state, key, attempt, { ...booked, turnedAway }),
    answer: {
      kind: 'machine-taken',
      by: key,
      crowd: { heldMachines: heldMachines(state), turnedAway: place },
    },
  };
}

/** The last word before a create is sent: true for exactly one caller, ever. */
export function spendGrant(
  state: LedgerState,
  want: { readonly key: string; readonly attempt: number; readonly nowMs: number },
): Step<SpendAnswer> {
  const booked = state.reservations[want.key]?.attempts[want.attempt];
  if (booked === undefined || booked.isAnswered)
    return { state, answer: { kind: booked === undefined ? 'no-grant' : 'spent-before' } };
  if (booked.isSpent) return { state, answer: { kind: 'spent-before' } };
  return {
    state: withAttempt(state, want.key, want.attempt, {
      ...booked,
      isSpent: true,
      spentAtMs: want.nowMs,
    }),
    answer: { kind: 'spent-now' },
  };
}

/** By reservation, when its newest create went out that nobody has answered or called off yet, epoch ms. */
export function unansweredCreates({ reservations }: LedgerState): Record<string, number> {
  const unanswered: Record<string, number> = {};
  for (const [key, { attempts }] of Object.entries(reservations)) {
    const sentAtMs = Object.values(attempts)
      .filter(({ isSpent, isAnswered }) => isSpent && !isAnswered)
      .map(({ spentAtMs, sinceMs }) => spentAtMs ?? sinceMs);
    if (sentAtMs.length > 0) unanswered[key] = Math.max(...sentAtMs);
  }
  return unanswered;
}

/** Calls an attempt off for good, unless its create may have been sent: then the market has to be asked. */
export function callOff(
  state: LedgerState,
  want: { readonly key: string; readonly attempt: number },
): Step<CallOffAnswer> {
  const booked = state.reservations[want.key]?.attempts[want.attempt];
  if (booked === undefined) return { state, answer: { kind: 'may-be-sent' } };
  if (booked.isCalledOff) return { state, answer: { kind: 'never-sent' } };
  if (booked.isSpent) return { state, answer: { kind: 'may-be-sent' } };
  const off = { ...booked, isSpent: true, isAnswered: true, isCalledOff: true, usd: 0 };
  return { state: withAttempt(state, want.key, want.attempt, off), answer: { kind: 'never-sent' } };
}

/** The create was answered, settled or called off: its machine is free again; the price is the contract's, where known. */
export function noteAnswered(
  state: LedgerState,
  note: { readonly key: string; readonly attempt: number; readonly usdPerHour: number | null },
): LedgerState {
  const booked = state.reservations[note.key]?.attempts[note.attempt];
  if (booked === undefined) return state;
  const usdPerHour = note.usdPerHour ?? booked.usdPerHour;
  const { turnedAway: _welcomeAgain, ...kept } = booked;
  return withAttempt(state, note.key, note.attempt, {
    ...kept,
    isSpent: true,
    isAnswered: true,
    usdPerHour,
  });
}

/** The attempt's instance is gone, or never was: what it cost is known. */
export function endAttempt(
  state: LedgerState,
  end: { readonly key: string; readonly attempt: number; readonly usd: number; readonly nowMs: number },
): LedgerState {
  const booked = state.reservations[end.key]?.attempts[end.attempt];
  if (booked === undefined) return state;
  return withAttempt(state, end.key, end.attempt, {
    ...booked,
    isSpent: true,
    isAnswered: true,
    endedAtMs: end.nowMs,
    usd: end.usd,
  });
}

/** Closes a reservation with what the session cost; without a sound figure, with what its bookings come to. */
export function close(
  before: LedgerState,
  end: { readonly key: string; readonly usd: number | null; readonly nowMs: number },
): LedgerState {
  const state = rollPeriod(before, end.nowMs);
  if (state.closedKeys.includes(end.key)) return state;
  const reservation = state.reservations[end.key];
  const booked = reservation === undefined ? 0 : bookedUsd(reservation, end.nowMs);
  const usd = isMoney(end.usd) ? end.usd : booked;
  const { [end.key]: _closed, ...reservations } = state.reservations;
  const closedKeys = [...state.closedKeys, end.key].slice(-CLOSED_KEYS_KEPT);
  return settle({ ...state, reservations, closedKeys }, { key: end.key, usd, nowMs: end.nowMs });
}

/** Limit, period and who is told of alerts, as the newest worker start set them. */
export type LedgerSettings = {
  readonly limitUsd: number;
  readonly period: string;
  /** Older workers do not say. */
  readonly notify?: readonly NotificationTarget[];
};

export function configure(
  before: LedgerState,
  settings: LedgerSettings & { readonly nowMs: number },
): LedgerState {
  const moved = before.period !== settings.period;
  const { limitUsd, period, notify = [] } = settings;
  const state = { ...before, limitUsd, period, notify };
  return moved
    ? { ...state, periodStartMs: periodStart(settings.period, settings.nowMs, settings.nowMs) }
    : rollPeriod(state, settings.nowMs);
}

/** What a ledger that starts anew has to know before it may grant: what was spent, and who is still spending. */
export function rebuild(
  before: LedgerState,
  found: {
    readonly spentUsd: number;
    readonly open: readonly { key: string; session: string; capUsd: number; openedAtMs: number }[];
    /** The same spending by session, complete since `sinceMs`; ledgers of older versions were not told. */
    readonly settled?: Settled;
    readonly sinceMs?: number;
  },
): LedgerState {
  if (before.isRebuilt) return before;
  const reservations = { ...before.reservations };
  for (const { key, session, capUsd, openedAtMs } of found.open) {
    if (before.closedKeys.includes(key)) continue;
    reservations[key] ??= { session, capUsd, openedAtMs, attempts: {}, hasLostBookings: true };
  }
  // A total that is not told by session may hold what closed since this began: counted twice over not at all.
  const foundUsd =
    found.settled === undefined
      ? found.spentUsd
      : Object.entries(found.settled)
          .filter(([key]) => before.settled[key] === undefined)
          .reduce((sum, [, { usd }]) => sum + usd, 0);
  return {
    ...before,
    spentUsd: before.spentUsd + foundUsd,
    reservations,
    isRebuilt: true,
    settled: { ...found.settled, ...before.settled },
    settledSinceMs: Math.min(before.settledSinceMs, found.sinceMs ?? before.settledSinceMs),
  };
}

export function numbersOf(state: LedgerState): LedgerNumbers {
  const reservedUsd = Object.values(state.reservations).reduce((sum, { capUsd }) => sum + capUsd, 0);
  return { limitUsd: state.limitUsd, spentUsd: state.spentUsd, reservedUsd };
}

/** Spending starts from zero when a period ends; what is reserved stays reserved. */
export function rollPeriod(state: LedgerState, nowMs: number): LedgerState {
  const startMs = periodStart(state.period, state.periodStartMs, nowMs);
  return startMs > state.periodStartMs
    ? { ...state, periodStartMs: startMs, spentUsd: 0, alerts: [] }
    : state;
}

/** Start of the period that holds `nowMs`, epoch ms; months are UTC calendar months. */
export function periodStart(period: string, startedMs: number, nowMs: number): number {
  if (period === 'month') {
    const now = new Date(nowMs);
    return Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  }
  const lengthMs = lengthOf(period);
  if (lengthMs === null) return startedMs;
  return startedMs + Math.max(0, Math.floor((nowMs - startedMs) / lengthMs)) * lengthMs;
}

/** From when on charges must be read to know what a period has spent whose start was lost; null: all there are. */
export function lookBackStart(period: string, nowMs: number): number | null {
  if (period === 'month') return periodStart(period, nowMs, nowMs);
  const lengthMs = lengthOf(period);
  return lengthMs === null ? null : nowMs - lengthMs;
}

/** When the running period ends, epoch ms; null when it never does. */
export function periodEnd(state: Pick<LedgerState, 'period' | 'periodStartMs'>): number | null {
  if (state.period === 'month') {
    const start = new Date(state.periodStartMs);
    return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1);
  }
  const lengthMs = lengthOf(state.period);
  return lengthMs === null ? null : state.periodStartMs + lengthMs;
}

/** What a reservation's bookings come to; an attempt that was granted and never sent costs nothing. */
export function bookedUsd(reservation: Reservation, nowMs: number): number {
  const known = knownUsd(reservation, nowMs);
  return reservation.hasLostBookings ? Math.max(reservation.capUsd, known) : known;
}

function knownUsd(reservation: Reservation, nowMs: number): number {
  return Object.values(reservation.attempts).reduce((sum, booked) => {
    if (booked.usd !== null) return sum + booked.usd;
    if (!booked.isSpent) return sum;
    return sum + (booked.usdPerHour * Math.max(0, nowMs - booked.sinceMs)) / MS_PER_HOUR;
  }, 0);
}

/** Whatever is not a sound sum of money has no room: a NaN that got in would let everything in after it. */
/** Checkpoint 1. */
export function hasRoom({ spentUsd, reservedUsd, limitUsd }: LedgerNumbers, capUsd: number): boolean {
  return isMoney(capUsd) && microUsd(spentUsd + reservedUsd + capUsd) <= microUsd(limitUsd);
}

function isMoney(usd: number | null): usd is number {
  return usd !== null && Number.isFinite(usd) && usd >= 0;
}

/** Length of an `<n>d` period; null for the others. */
function lengthOf(period: string): number | null {
  const days = /^([1-9][0-9]*)d$/.exec(period)?.[1];
  return days === undefined ? null : Number(days) * MS_PER_DAY;
}

type Holder = { readonly key: string; readonly attempt: string; readonly booked: BookedAttempt };

function holderOf(state: LedgerState, machineId: number): Holder | null {
  for (const [key, reservation] of Object.entries(state.reservations)) {
    for (const [attempt, booked] of Object.entries(reservation.attempts)) {
      if (booked.machineId === machineId && !booked.isAnswered) return { key, attempt, booked };
    }
  }
  return null;
}

/** Of one machine; those beyond go on from the same place. */
const TURNED_AWAY_KEPT = 200;
/** More are no help: whoever is told passes over these at most. */
const HELD_TOLD_MAX = 300;

function heldMachines({ reservations }: LedgerState): number[] {
  return Object.values(reservations)
    .flatMap(({ attempts }) => Object.values(attempts))
    .filter(({ isAnswered }) => !isAnswered)
    .map(({ machineId }) => machineId)
    .slice(-HELD_TOLD_MAX);
}

function withAttempt(
  state: LedgerState,
  key: string,
  attempt: number | string,
  booked: BookedAttempt,
): LedgerState {
  const reservation = state.reservations[key];
  if (reservation === undefined) return state;
  const attempts = { ...reservation.attempts, [attempt]: booked };
  return { ...state, reservations: { ...state.reservations, [key]: { ...reservation, attempts } } };
}

/** Money is compared in millionths of a dollar, so that sums of fractions do not refuse what fits exactly. */
function microUsd(usd: number): number {
  return Math.round(usd * 1_000_000);
}
