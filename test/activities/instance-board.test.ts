import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InstanceBoard } from '../../src/activities/instance-board.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { createVastClient, type VastClient } from '../../src/vast/client.ts';
import { anOrder } from '../vast/builders.ts';

/** A second of the market's limits, ms: ten times faster than documented. */
const RATE_SCALE = 0.1;
const PAGE = 25;
/** More than a complete list is asked for on account of one. */
const MANY = 130;
const NOBODY = { instanceId: -1, label: '' };

let market: Simulator;
let vast: VastClient;
let board: InstanceBoard;

beforeEach(async () => {
  market = await startSimulator({ seed: 3, machines: 300, timeScale: 600, rateScale: 0, restlessness: 0 });
  vast = createVastClient({ apiUrl: market.url, apiKey: market.key, rateScale: 0 });
});

afterEach(async () => {
  await vast.close();
  await market.close();
});

/** From now on both keep to the limits. */
async function keepLimits(): Promise<void> {
  await fetch(`${market.url}/_sim/rates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ scale: RATE_SCALE }),
    signal: AbortSignal.timeout(5_000),
  });
  await vast.close();
  vast = createVastClient({ apiUrl: market.url, apiKey: market.key, rateScale: RATE_SCALE });
  board = new InstanceBoard(vast);
}

/** As many instances, one a machine. */
async function rent(count: number): Promise<{ instanceId: number; label: string }[]> {
  const answer = await fetch(`${market.url}/_sim/machines`, { signal: AbortSignal.timeout(5_000) });
  const { machines } = (await answer.json()) as {
    machines: { offers: { offer_id: number; listed: boolean; contract_id: number | null }[] }[];
  };
  const offerIds = machines.flatMap(({ offers }) =>
    offers
      .filter(({ listed, contract_id }) => listed && contract_id === null)
      .slice(0, 1)
      .map(({ offer_id }) => offer_id),
  );
  const rented: { instanceId: number; label: string }[] = [];
  for (const offerId of offerIds) {
    const label = `board-${offerId}`;
    const created = await vast.createInstance(offerId, anOrder({ label }));
    if (created.kind === 'created') rented.push({ instanceId: created.instanceId, label });
    if (rented.length === count) return rented;
  }
  throw new Error(`only ${rented.length} of ${count} could be rented`);
}

async function listCalls(): Promise<number> {
  const answer = await fetch(`${market.url}/_sim/requests`, { signal: AbortSignal.timeout(5_000) });
  const { requests } = (await answer.json()) as { requests: { call: string | null }[] };
  return requests.filter(({ call }) => call === 'list').length;
}

async function callsOf<Answer>(act: () => Promise<Answer>): Promise<{ answer: Answer; calls: number }> {
  const before = await listCalls();
  const answer = await act();
  return { answer, calls: (await listCalls()) - before };
}

test('few instances are one call for everybody who asks in the same moment, whatever about', async () => {
  const [one = NOBODY, other = NOBODY] = await rent(2);
  await keepLimits();
  const nowMs = Date.now();
  const { answer, calls } = await callsOf(() =>
    Promise.all([board.find(one, nowMs), board.find({ label: other.label }, nowMs), board.look(nowMs)]),
  );
  expect(calls).toBe(1);
  for (const { instances } of answer) {
    const ids = instances.map(({ instanceId }) => instanceId);
    expect(ids).toEqual(expect.arrayContaining([one.instanceId, other.instanceId]));
  }
});

test('among many, fifty are found by their ids in two or three calls, and nobody waits for the complete list', async () => {
  const rented = await rent(MANY);
  await keepLimits();
  await board.look(Date.now());
  const fifty = rented.slice(-50);
  const { answer, calls } = await callsOf(() =>
    Promise.all(fifty.map(({ instanceId }) => board.find({ instanceId }, Date.now()))),
  );
  expect(calls).toBeLessThanOrEqual(3);
  fifty.forEach(({ instanceId }, at) => {
    expect(answer[at]?.instances.map((row) => row.instanceId)).toContain(instanceId);
  });
  const last = rented.at(-1) ?? NOBODY;
  const byLabel = await callsOf(() => board.find({ label: last.label }, Date.now()));
  expect(byLabel.calls).toBe(1);
  expect(byLabel.answer.instances.map(({ instanceId }) => instanceId)).toEqual([last.instanceId]);
});

test('a worker that has just started asks for one among many before it has read the others', async () => {
  const rented = await rent(MANY);
  await keepLimits();
  const [, second = NOBODY] = rented;
  const { answer, calls } = await callsOf(() => board.find({ instanceId: second.instanceId }, Date.now()));
  expect(answer.instances.map(({ instanceId }) => instanceId)).toEqual([second.instanceId]);
  expect(calls).toBeLessThan(MANY / PAGE);
});

test('who watches is given the newest complete list while the next one is made', async () => {
  const rented = await rent(MANY);
  await keepLimits();
  const first = await board.look(Date.now());
  expect(first.instances.length).toBeGreaterThanOrEqual(rented.length);
  const seen = new Set<number>();
  const waitsMs: number[] = [];
  const untilMs = Date.now() + 5_000;
  while (Date.now() < untilMs) {
    const askedMs = performance.now();
    const { askedAtMs } = await board.recent(10);
    waitsMs.push(performance.now() - askedMs);
    seen.add(askedAtMs);
    await pause(20);
  }
  expect(seen.size).toBeGreaterThan(2);
  // A complete one takes six calls, a tenth of a second apart: nine in ten wait for nothing of it.
  waitsMs.sort((one, other) => one - other);
  expect(waitsMs[Math.floor(waitsMs.length * 0.9)]).toBeLessThan(100);
});

test('a list that cannot be had is no empty one, for one instance as for all', async () => {
  const [one = NOBODY] = await rent(MANY);
  await keepLimits();
  await board.look(Date.now());
  await market.close();
  const answers = await Promise.allSettled([
    board.find({ instanceId: one.instanceId }, Date.now()),
    board.find({ label: one.label }, Date.now()),
    board.look(Date.now()),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  market = await startSimulator({ machines: 10 });
});
