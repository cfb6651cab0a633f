import { budgetSpan, type KeyBudget, toNanoUsd } from '../../domain/gateway-key.ts';
import { Account, type Reservation } from './account.ts';
import type { Exchange, Exchanged } from './exchange.ts';
import { budgetReserved, budgetSpent, keysUnavailable } from './refusals.ts';

/** What is left of a promise when the request has ended. */
export type BudgetLease = {
  /** Null: what was reserved. */
  settle(usd: number | null): void;
};

export type BudgetTimes = {
  /** How often allowances are looked after. */
  readonly lookMs: number;
  /** Unused for so long, what is free is given back. */
  readonly idleMs: number;
  /** What a process holds counts as spent when nothing was heard of it for so long. */
  readonly allowanceMs: number;
  /** How long a request waits for the database. */
  readonly waitMs: number;
  /** How long a refusal is given again without asking. */
  readonly refusalMs: number;
};

export const BUDGET_TIMES: BudgetTimes = {
  lookMs: 1_000,
  idleMs: 2_000,
  allowanceMs: 60_000,
  waitMs: 5_000,
  refusalMs: 500,
};

const WAITING_MAX = 2_000;
/** Of a budget, taken beyond what is needed now, so that not every request asks the database. */
const EXTRA_SHARE = 0.02;
const FORGET_MS = 3_600_000;

type Waiter = {
  readonly nano: number;
  /** The turn that asked for it; 0: none yet. */
  turn: number;
  readonly take: (reservation: Reservation) => void;
  readonly refuse: (error: Error) => void;
};

type Desk = {
  readonly account: Account;
  readonly budget: KeyBudget;
  readonly waiters: Waiter[];
  /** One question to the database at a time. */
  running: Promise<void> | null;
};

export type BudgetsDeps = {
  readonly exchange: (order: Exchange) => Promise<Exchanged>;
  readonly nowMs: () => number;
  readonly times: BudgetTimes;
  readonly onTrouble: (error: unknown) => void;
};

/**
 * Dollar budgets of keys, reserved before they are spent.
 *
 * Every process takes a part of a budget from the database, promises requests of it in memory, and tells what
 * they came to. Nothing is promised twice, however many requests and processes there are.
 */
export class Budgets {
  readonly #deps: BudgetsDeps;
  /** By key; of the period that is now. */
  readonly #desks = new Map<string, Desk>();
  /** Of periods that are over, until their last request has ended. */
  readonly #leaving = new Set<Desk>();
  readonly #timer: NodeJS.Timeout;

  constructor(deps: BudgetsDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.#lookAfterAll(), deps.times.lookMs);
    this.#timer.unref();
  }

  /** At once where our allowance holds it, else when the database has given more. Throws a `Refusal`, or rejects with it. */
  begin(keyId: string, budget: KeyBudget, usdAtMost: number): BudgetLease | Promise<BudgetLease> {
    const nowMs = this.#deps.nowMs();
    const desk = this.#deskOf(keyId, budget, nowMs);
    const nano = Math.max(0, toNanoUsd(usdAtMost));
    desk.account.lastUsedAtMs = nowMs;
    // Who waits came first.
    const reservation = desk.waiters.length === 0 ? desk.account.reserve(nano) : null;
    if (reservation !== null) return this.#leaseOf(desk.account, reservation);
    const { refused } = desk.account;
    if (refused !== null && nowMs < refused.untilMs && nano >= refused.needNano) {
      throw this.#refusal(desk, refused.isSpent);
    }
    return this.#wait(desk, nano);
  }

  /** Tells what was spent and gives back what is free. What is under way counts as spent to its reservation. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const desks = [...this.#desks.values(), ...this.#leaving];
    await Promise.all(desks.map((desk) => this.#closeDesk(desk)));
  }

  async #closeDesk(desk: Desk): Promise<void> {
    await desk.running;
    // What was not answered is told again first.
    if (desk.account.hasNews) await this.#turn(desk, { isIdle: true, isLast: false });
    if (desk.account.isOpen) await this.#turn(desk, { isIdle: true, isLast: true });
  }

  #deskOf(keyId: string, budget: KeyBudget, nowMs: number): Desk {
    const known = this.#desks.get(keyId);
    const periodFromMs = budgetSpan(budget.period, nowMs).fromMs;
    if (known?.account.periodFromMs === periodFromMs) return known;
    if (known !== undefined) this.#leaving.add(known);
    const account = new Account({ keyId, periodFromMs, budgetNano: toNanoUsd(budget.usd), nowMs });
    const desk: Desk = { account, budget, waiters: [], running: null };
    this.#desks.set(keyId, desk);
    return desk;
  }

  #leaseOf(account: Account, reservation: Reservation): BudgetLease {
    let isOpen = true;
    return {
      settle: (usd) => {
        if (!isOpen) return;
        isOpen = false;
        account.settle(reservation, usd === null ? reservation.nano : Math.max(0, toNanoUsd(usd)));
      },
    };
  }

  #wait(desk: Desk, nano: number): Promise<BudgetLease> {
    if (desk.waiters.length >= WAITING_MAX) throw keysUnavailable('Too many requests of this key wait.');
    const { promise, resolve, reject } = Promise.withResolvers<BudgetLease>();
    const late = setTimeout(() => {
      desk.waiters.splice(desk.waiters.indexOf(waiter), 1);
      reject(keysUnavailable('The budget of this key cannot be read now.'));
    }, this.#deps.times.waitMs);
    const waiter: Waiter = {
      nano,
      turn: 0,
      take: (reservation) => {
        clearTimeout(late);
        resolve(this.#leaseOf(desk.account, reservation));
      },
      refuse: (error) => {
        clearTimeout(late);
        reject(error);
      },
    };
    desk.waiters.push(waiter);
    this.#run(desk, () => this.#serve(desk));
    return promise;
  }

  #run(desk: Desk, act: () => Promise<void>): void {
    desk.running ??= act().finally(() => {
      desk.running = null;
      if (desk.waiters.length > 0) this.#run(desk, () => this.#serve(desk));
    });
  }

  /** Asks the database for those who wait, until nobody does. */
  async #serve(desk: Desk): Promise<void> {
    // Those of the same moment ask together.
    await Promise.resolve();
    while (desk.waiters.length > 0) {
      const answer = await this.#turn(desk, { isIdle: false, isLast: false });
      if (answer !== null) {
        // What was asked for went by what is not ours any more.
        if (answer.exchanged.isForfeited) for (const waiter of desk.waiters) waiter.turn = 0;
        this.#handOut(desk, answer);
      } else {
        for (const waiter of desk.waiters.splice(0))
          waiter.refuse(keysUnavailable('The budget of this key cannot be read now.'));
      }
    }
  }

  #handOut(desk: Desk, { turn, exchanged }: { turn: number; exchanged: Exchanged }): void {
    const { account } = desk;
    const left: Waiter[] = [];
    for (const waiter of desk.waiters.splice(0)) {
      const reservation = account.reserve(waiter.nano);
      if (reservation !== null) waiter.take(reservation);
      else if (waiter.turn === 0 || waiter.turn > turn) left.push(waiter);
      else {
        const isSpent = exchanged.spentNano + waiter.nano > account.budgetNano;
        const untilMs = this.#deps.nowMs() + this.#deps.times.refusalMs;
        account.refused = { needNano: waiter.nano, untilMs, isSpent };
        waiter.refuse(this.#refusal(desk, isSpent));
      }
    }
    desk.waiters.unshift(...left);
  }

  #refusal({ account, budget }: Desk, isSpent: boolean): Error {
    if (!isSpent) return budgetReserved(budget);
    const { toMs } = budgetSpan(budget.period, account.periodFromMs);
    return budgetSpent(budget, toMs === null ? null : (toMs - this.#deps.nowMs()) / 1_000);
  }

  /** One exchange with the database; null when it did not answer, and then the same is sent again next time. */
  async #turn(
    desk: Desk,
    { isIdle, isLast }: { isIdle: boolean; isLast: boolean },
  ): Promise<{ turn: number; exchanged: Exchanged } | null> {
    const { account, waiters } = desk;
    const { exchange, nowMs, times, onTrouble } = this.#deps;
    const order = account.nextExchange({
      waitingNano: waiters.map(({ nano }) => nano),
      extraNanoMax: Math.floor(account.budgetNano * EXTRA_SHARE),
      isIdle,
      isLast,
      nowMs: nowMs(),
      expiresAtMs: nowMs() + times.allowanceMs,
    });
    // One that is sent again asks for who waited then: the others' turn comes after it.
    for (const waiter of waiters.slice(0, order.waitingNano.length)) {
      if (waiter.turn === 0) waiter.turn = order.turn;
    }
    try {
      const exchanged = await exchange(order);
      account.apply(order, exchanged);
      account.lastSyncedAtMs = nowMs();
      return { turn: order.turn, exchanged };
    } catch (error) {
      onTrouble(error);
      return null;
    }
  }

  #lookAfterAll(): void {
    for (const [keyId, desk] of this.#desks) {
      this.#lookAfter(desk);
      const isLongUnused = this.#deps.nowMs() - desk.account.lastUsedAtMs > FORGET_MS;
      if (isLongUnused && isOver(desk)) this.#desks.delete(keyId);
    }
    for (const desk of this.#leaving) {
      this.#lookAfter(desk);
      if (isOver(desk)) this.#leaving.delete(desk);
    }
  }

  /** Tells what is new, gives back what nobody uses, and renews what is held. */
  #lookAfter(desk: Desk): void {
    const { account } = desk;
    if (desk.running !== null || !account.isOpen) return;
    const { nowMs, times } = this.#deps;
    const isIdle = account.freeNano > 0 && nowMs() - account.lastUsedAtMs >= times.idleMs;
    const isDue = nowMs() - account.lastSyncedAtMs >= times.allowanceMs / 3;
    if (!account.hasNews && !isIdle && !isDue) return;
    this.#run(desk, async () => {
      await this.#turn(desk, { isIdle, isLast: false });
    });
  }
}

function isOver({ account, waiters, running }: Desk): boolean {
  return !account.isOpen && waiters.length === 0 && running === null;
}
