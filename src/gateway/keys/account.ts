import type { Exchange, Exchanged } from './exchange.ts';

/** What one request was promised of a budget. */
export type Reservation = { readonly nano: number; readonly epoch: number };

/**
 * What this process holds of one budget in one period, in billionths of a dollar.
 *
 * 1. free + reserved + settled = held: what is in the database under our name.
 * 2. A reservation is settled once; what it did not use is free at once.
 * 3. After a forfeit nothing that was reserved before it is ours to settle: it is counted as spent already.
 */
export class Account {
  readonly keyId: string;
  readonly periodFromMs: number;
  readonly budgetNano: number;
  lastUsedAtMs = 0;
  lastSyncedAtMs = 0;
  /** Nothing that needs as much is asked for before then. */
  refused: { readonly needNano: number; readonly untilMs: number; readonly isSpent: boolean } | null = null;
  #freeNano = 0;
  #reservedNano = 0;
  #settledNano = 0;
  #heldNano = 0;
  #epoch = 0;
  #turn: number;
  #pending: Exchange | null = null;

  /** `nowMs` begins the count of turns, so that one account's come after those of an earlier one of the same budget. */
  constructor(of: { keyId: string; periodFromMs: number; budgetNano: number; nowMs: number }) {
    this.keyId = of.keyId;
    this.periodFromMs = of.periodFromMs;
    this.budgetNano = of.budgetNano;
    this.#turn = Math.floor(of.nowMs);
  }

  /** Whether somebody has to be told something yet. */
  get isOpen(): boolean {
    return this.#heldNano > 0 || this.#pending !== null || this.#settledNano > 0;
  }

  get hasNews(): boolean {
    return this.#settledNano > 0 || this.#pending !== null;
  }

  get freeNano(): number {
    return this.#freeNano;
  }

  reserve(nano: number): Reservation | null {
    if (nano > this.#freeNano) return null;
    this.#freeNano -= nano;
    this.#reservedNano += nano;
    return { nano, epoch: this.#epoch };
  }

  /** A truth above the reservation is taken from what is free, and below zero where nothing is. */
  settle({ nano, epoch }: Reservation, usedNano: number): void {
    if (epoch !== this.#epoch) return; // rule 3
    this.#reservedNano -= nano;
    this.#freeNano += nano - usedNano;
    this.#settledNano += usedNano;
  }

  /** What to tell the database next: what was told and not answered, before anything new. */
  nextExchange(order: {
    waitingNano: readonly number[];
    extraNanoMax: number;
    isIdle: boolean;
    isLast: boolean;
    nowMs: number;
    expiresAtMs: number;
  }): Exchange {
    if (this.#pending !== null) return this.#pending;
    // Who closes cannot settle later: what is under way counts as spent.
    const settledNano = this.#settledNano + (order.isLast ? this.#reservedNano : 0);
    const givenBackNano = order.isIdle || order.isLast ? Math.max(0, this.#freeNano) : 0;
    this.#freeNano -= givenBackNano;
    this.#turn += 1;
    const keepNano = Math.max(0, this.#heldNano - settledNano - givenBackNano);
    this.#pending = {
      keyId: this.keyId,
      periodFromMs: this.periodFromMs,
      budgetNano: this.budgetNano,
      turn: this.#turn,
      heldNano: this.#heldNano,
      settledNano,
      keepNano,
      freeNano: order.isLast ? 0 : keepNano - this.#reservedNano,
      waitingNano: order.waitingNano,
      extraNanoMax: order.extraNanoMax,
      nowMs: order.nowMs,
      expiresAtMs: order.expiresAtMs,
      isLast: order.isLast,
    };
    return this.#pending;
  }

  apply(sent: Exchange, { heldNano, isForfeited }: Exchanged): void {
    this.#pending = null;
    this.#heldNano = heldNano;
    if (isForfeited || sent.isLast) {
      this.#epoch += 1;
      this.#reservedNano = 0;
      this.#settledNano = 0;
      this.#freeNano = heldNano;
      return;
    }
    this.#settledNano -= sent.settledNano;
    this.#freeNano = heldNano - this.#reservedNano - this.#settledNano; // rule 1
  }
}
