import type { Ask, Row } from '../../archive/database.ts';
import { KEY_SQL } from './tables.ts';

/**
 * One turn of a process with a budget: it tells what was spent of its allowance, what it keeps, and what more it needs.
 *
 * What a process holds is out of the budget until it tells otherwise, so processes together never have more to
 * spend than there is. A turn may be sent again when its answer was lost: it happens once.
 */
export type Exchange = {
  readonly keyId: string;
  readonly periodFromMs: number;
  readonly budgetNano: number;
  /** Counts up by one with each exchange of this process about this budget. */
  readonly turn: number;
  /** What our allowance was after the turn before. */
  readonly heldNano: number;
  readonly settledNano: number;
  readonly keepNano: number;
  /** Of what we keep, what no request was promised; what those that wait need; what more may be taken, for those to come. */
  readonly freeNano: number;
  readonly waitingNano: readonly number[];
  readonly extraNanoMax: number;
  readonly nowMs: number;
  /** From then on, if nothing is heard of us, all we hold counts as spent. */
  readonly expiresAtMs: number;
  /** Nothing is kept: the allowance is given up. */
  readonly isLast: boolean;
};

export type Exchanged = {
  /** Our allowance now. */
  readonly heldNano: number;
  /** Nobody had heard of us for too long: what we held is counted as spent, and ours no more. */
  readonly isForfeited: boolean;
  readonly spentNano: number;
  readonly heldByOthersNano: number;
};

type Order = Exchange & { readonly owner: string; readonly process: string };

export async function exchange(ask: Ask, order: Order): Promise<Exchanged> {
  const budget = [order.owner, order.keyId, order.periodFromMs] as const;
  await ask(KEY_SQL.openBudget, ...budget);
  // The lock is taken before anything is read.
  const before = nano((await ask(KEY_SQL.spend, 0, ...budget))[0], 'spent_nano');
  const [own] = await ask(KEY_SQL.own, ...budget, order.process);
  const isRepeated = own !== undefined && Number(own.turn) >= order.turn;
  if (isRepeated) {
    const heldByOthersNano = await readHeldByOthers(ask, order);
    return { heldNano: nano(own, 'held_nano'), isForfeited: false, spentNano: before, heldByOthersNano };
  }

  const isForfeited = own === undefined && order.heldNano > 0;
  const settledNano = isForfeited ? Math.max(0, order.settledNano - order.heldNano) : order.settledNano;
  const swept = await ask(KEY_SQL.sweep, ...budget, order.process, Math.round(order.nowMs));
  const lostNano = swept.reduce((sum, row) => sum + nano(row, 'held_nano'), 0);
  const spentNano = nano((await ask(KEY_SQL.spend, settledNano + lostNano, ...budget))[0], 'spent_nano');

  const heldByOthersNano = await readHeldByOthers(ask, order);
  const keepNano = isForfeited ? 0 : order.keepNano;
  const leftNano = order.budgetNano - spentNano - heldByOthersNano - keepNano;
  const heldNano = keepNano + grant(isForfeited ? { ...order, freeNano: 0 } : order, leftNano);
  const mine = [...budget, order.process] as const;
  if (order.isLast) await ask(KEY_SQL.release, ...mine);
  else await ask(KEY_SQL.hold, ...mine, order.turn, heldNano, Math.round(order.expiresAtMs));
  return { heldNano, isForfeited, spentNano, heldByOthersNano };
}

/**
 * What is taken of `leftNano`: enough for those that wait and can be served whole, and when that is all of them up
 * to a quarter of what is left then. What would serve nobody here is left to others.
 */
function grant({ freeNano, waitingNano, extraNanoMax }: Exchange, leftNano: number): number {
  const thereNano = Math.max(0, leftNano);
  const ours = thereNano + freeNano;
  const servedNano = waitingNano.reduce((sum, nano) => (sum + nano <= ours ? sum + nano : sum), 0);
  // Less than nothing is free where a request came to more than it was reserved for.
  const neededNano = Math.min(thereNano, Math.max(0, servedNano - freeNano));
  const isForAll = servedNano === waitingNano.reduce((sum, nano) => sum + nano, 0);
  if (!isForAll || servedNano === 0 || neededNano === 0) return neededNano;
  return neededNano + Math.min(extraNanoMax, Math.floor((thereNano - neededNano) / 4));
}

async function readHeldByOthers(ask: Ask, order: Order): Promise<number> {
  const { owner, keyId, periodFromMs, process } = order;
  return nano((await ask(KEY_SQL.heldByOthers, owner, keyId, periodFromMs, process))[0], 'held_nano');
}

function nano(row: Row | undefined, column: string): number {
  return Number(row?.[column] ?? 0);
}
