import { afterEach, beforeEach, expect, test } from 'vitest';
import { DestroyBoard } from '../../src/activities/destroy-board.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { createVastClient, type VastClient } from '../../src/vast/client.ts';
import { anOrder, aSearch } from '../vast/builders.ts';

let market: Simulator;
let vast: VastClient;

beforeEach(async () => {
  market = await startSimulator({ seed: 3, machines: 60, timeScale: 600, rateScale: 0.1, restlessness: 0 });
  vast = createVastClient({ apiUrl: market.url, apiKey: market.key, rateScale: 0.1 });
});

afterEach(async () => {
  await vast.close();
  await market.close();
});

async function rent(count: number): Promise<number[]> {
  const { offers } = await vast.searchOffers(aSearch());
  const machines = new Map(offers.map((offer) => [offer.machineId, offer]));
  const ids: number[] = [];
  for (const { offerId } of [...machines.values()].slice(0, count)) {
    const created = await vast.createInstance(offerId, anOrder({ label: `board-${offerId}` }));
    if (created.kind === 'created') ids.push(created.instanceId);
  }
  expect(ids).toHaveLength(count);
  return ids;
}

/** Other people's instances live in the account too. */
async function ours(): Promise<number[]> {
  const instances = await vast.listInstances();
  return instances.filter(({ label }) => label?.startsWith('board-')).map(({ instanceId }) => instanceId);
}

async function deletes(): Promise<string[]> {
  const answer = await fetch(`${market.url}/_sim/requests`, { signal: AbortSignal.timeout(5_000) });
  const { requests } = (await answer.json()) as { requests: { method: string; path: string }[] };
  return requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path);
}

test('many that are given back at once go in one call, after the first', async () => {
  const ids = await rent(6);
  const board = new DestroyBoard(vast);
  const answers = await Promise.all(ids.map((id) => board.destroy(id)));
  expect(answers).toEqual(ids.map(() => ({ kind: 'accepted' })));
  expect(await deletes()).toEqual([`/api/v0/instances/${ids[0]}`, '/api/v0/instances']);
  await expect.poll(ours, { timeout: 20_000 }).toEqual([]);
});

test('one that is asked for twice while it waits is sent once', async () => {
  const [first = 0, second = 0] = await rent(2);
  const board = new DestroyBoard(vast);
  await Promise.all([board.destroy(first), board.destroy(second), board.destroy(second)]);
  expect(await deletes()).toEqual([`/api/v0/instances/${first}`, `/api/v0/instances/${second}`]);
});

test('an id that is gone already does not keep the others alive, and a failure is told to each of its own', async () => {
  const [first = 0, second = 0] = await rent(2);
  const board = new DestroyBoard(vast);
  await board.destroy(first);
  await Promise.all([board.destroy(first), board.destroy(first + 1_000_000), board.destroy(second)]);
  await expect.poll(ours, { timeout: 20_000 }).toEqual([]);
  await market.close();
  const failed = await Promise.allSettled([board.destroy(first), board.destroy(second)]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  market = await startSimulator({ machines: 10 });
});
