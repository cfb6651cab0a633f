import { afterEach, beforeEach, expect, test } from 'vitest';
import { OfferBoard } from '../../src/activities/offer-board.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { createVastClient, type VastClient } from '../../src/vast/client.ts';
import { aSearch } from '../vast/builders.ts';

let market: Simulator;
let vast: VastClient;
let board: OfferBoard;

beforeEach(async () => {
  market = await startSimulator({ seed: 3, machines: 60, timeScale: 60, rateScale: 0, restlessness: 0 });
  vast = createVastClient({ apiUrl: market.url, apiKey: market.key, rateScale: 0 });
  board = new OfferBoard(vast);
});

afterEach(async () => {
  await vast.close();
  await market.close();
});

async function searches(): Promise<number> {
  const answer = await fetch(`${market.url}/_sim/requests`, { signal: AbortSignal.timeout(5_000) });
  const { requests } = (await answer.json()) as { requests: { call: string | null }[] };
  return requests.filter(({ call }) => call === 'search').length;
}

test('a hundred who ask the same in one moment cost one search', async () => {
  const deadlineMs = Date.now() + 30_000;
  await new OfferBoard(vast).search(aSearch(), { deadlineMs });
  const ofOne = await searches();
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => board.search(aSearch(), { deadlineMs })),
  );
  expect(new Set(answers.map((offers) => offers.length)).size).toBe(1);
  expect(await searches()).toBe(2 * ofOne);
});

test('who chooses while others do begins behind them, until they have their machine', () => {
  expect(['a', 'b', 'c'].map((who) => board.enterChoosing(who))).toEqual([0, 1, 2]);
  expect(board.enterChoosing('a')).toBe(2);
  board.noteGranted('b', 7);
  expect(board.isGone(7)).toBe(true);
  expect(board.enterChoosing('d')).toBe(2);
  board.noteGranted('a', 8);
  board.noteGranted('c', 9);
  board.noteGranted('d', 10);
  expect(board.enterChoosing('e')).toBe(0);
});
