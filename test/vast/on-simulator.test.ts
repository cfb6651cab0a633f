import { afterAll, beforeAll, expect, test } from 'vitest';
import { addressOf, type Instance } from '../../src/domain/instance.ts';
import type { Offer } from '../../src/domain/offer.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { type CallFacts, createVastClient, type VastClient } from '../../src/vast/client.ts';
import { aClient, anOrder, aSearch } from './builders.ts';

const POLL = { timeout: 20_000, interval: 50 };

let market: Awaited<ReturnType<typeof startSimulator>>;
let vast: VastClient;

beforeAll(async () => {
  market = await startSimulator({
    seed: 7,
    machines: 60,
    timeScale: 600,
    rateScale: 0.01,
    profile: 'calm',
    chargesLagSeconds: 0,
  });
  vast = createVastClient({ apiUrl: market.url, apiKey: market.key, rateScale: 0.01 });
});

afterAll(async () => {
  await vast.close();
  await market.close();
});

test('an instance is found, rented, shown, listed, labelled, read, destroyed and charged', async () => {
  const label = 'leash.abcdefghij.whole.klmnopqrst.1.x1800000000';
  const { creditUsd, accountId } = await vast.currentUser();
  expect(creditUsd).toBeGreaterThan(0);
  expect(accountId).not.toBe('');

  const offer = await findOffer();
  const created = await vast.createInstance(
    offer.offerId,
    anOrder({ label, environment: { LEASH_LABEL: label } }),
  );
  if (created.kind !== 'created') throw new Error(`not rented: ${created.message}`);
  const { instanceId } = created;
  expect(await vast.createInstance(offer.offerId, anOrder())).toMatchObject({
    kind: 'refused',
    code: 'no_such_ask',
  });

  await expect.poll(async () => addressOf(await getInstance(instanceId)), POLL).not.toBeNull();
  const shown = await getInstance(instanceId);
  expect(shown).toMatchObject({
    label,
    labelFromEnvironment: label,
    machineId: offer.machineId,
    gpuName: offer.gpuName,
    gpuCount: 1,
    gpuRamMib: offer.gpuRamMib,
    actualStatus: 'running',
    isBid: false,
    diskGb: 40,
  });
  expect(shown.usdPerHour).toBeCloseTo(offer.usdPerHour, 4);
  expect(Math.abs(Date.now() - (shown.startedAtMs ?? 0))).toBeLessThan(60_000);

  await expect
    .poll(() => vast.listInstances({ labels: [label] }), POLL)
    .toMatchObject([{ instanceId, label }]);
  expect(await vast.labelInstance(instanceId, 'renamed in the console')).toEqual({ kind: 'accepted' });
  await expect
    .poll(() => getInstance(instanceId), POLL)
    .toMatchObject({ label: 'renamed in the console', labelFromEnvironment: label });
  expect(await vast.labelInstance(instanceId, label)).toEqual({ kind: 'accepted' });

  await expect.poll(() => vast.readLogs(instanceId, { tail: 20 }), POLL).not.toBe('');

  expect(await vast.destroyInstance(instanceId)).toEqual({ kind: 'accepted' });
  await expect.poll(() => vast.showInstance(instanceId), POLL).toEqual({ kind: 'gone' });
  await expect.poll(() => vast.listInstances({ labels: [label] }), POLL).toEqual([]);
  expect(await vast.destroyInstance(instanceId)).toEqual({ kind: 'gone' });

  const span = { fromMs: Date.now() - 3_600_000, toMs: Date.now() + 3_600_000 };
  const charges = async () => (await vast.listCharges(span)).filter((row) => row.instanceId === instanceId);
  await expect.poll(async () => (await charges())[0]?.usd.total ?? 0, POLL).toBeGreaterThan(0);
  // The provider's own books, once it has stopped billing.
  const booked = () => market.contracts().find(({ id }) => id === instanceId)?.usd;
  const missing = async () => Math.abs(((await charges())[0]?.usd.total ?? 0) - (booked()?.total ?? 1));
  await expect.poll(missing, POLL).toBeLessThan(0.000_001);
  const { gpu, disk, bandwidth, total } = booked() ?? { gpu: 0, disk: 0, bandwidth: 0, total: 0 };
  const [charge] = await charges();
  expect(charge).toMatchObject({ instanceId, label });
  expect(charge?.usd.gpu).toBeCloseTo(gpu, 5);
  expect(charge?.usd.storage).toBeCloseTo(disk, 5);
  expect(charge?.usd.bandwidth).toBeCloseTo(bandwidth, 5);
  expect(charge?.usd.total).toBeCloseTo(total, 5);
});

test('every offer of a search is within what was asked for, cheapest first', async () => {
  const { offers } = await vast.searchOffers(
    aSearch({
      gpuRamMibMin: 20_000,
      usdPerHourMax: 3,
      reliabilityMin: 0.9,
      directPortsMin: 1,
      notCountries: ['US'],
    }),
  );
  expect(offers.length).toBeGreaterThan(0);
  for (const offer of offers) {
    expect(offer).toMatchObject({
      gpuCount: 1,
      isVerified: true,
      isRentable: true,
      isRented: false,
      isExternal: false,
    });
    expect(offer.gpuRamMib).toBeGreaterThanOrEqual(20_000);
    expect(offer.usdPerHour).toBeLessThanOrEqual(3);
    expect(offer.reliability).toBeGreaterThanOrEqual(0.9);
    expect(offer.country).toMatch(/^(?!US)[A-Z]{2}$/);
    expect(offer.driverMajor).toBeGreaterThan(400);
    expect(offer.cudaMax).toBeGreaterThan(9);
    expect(offer.computeCapability).toBeGreaterThan(3);
    expect(offer.computeCapability).toBeLessThan(20);
    expect(offer.usdPerHour).toBeCloseTo(offer.gpuUsdPerHour + (offer.storageUsdPerGbMonth * 40) / 720, 4);
  }
  const prices = offers.map(({ usdPerHour }) => usdPerHour);
  expect(prices).toEqual(prices.toSorted((a, b) => a - b));
});

test('a create whose reply is lost is unknown, and is found by its label', async () => {
  const label = 'leash.abcdefghij.lost.klmnopqrst.1.x1800000000';
  await script({ call: 'create', fault: 'reply-lost-after' });
  const { offerId } = await findOffer();
  expect(await vast.createInstance(offerId, anOrder({ label }))).toMatchObject({ kind: 'unknown' });
  await expect.poll(() => vast.listInstances({ labels: [label] }), POLL).toHaveLength(1);
  await destroyAll(label);
});

test('a refusal that carries a contract is an instance, to be destroyed', async () => {
  const label = 'leash.abcdefghij.bid.klmnopqrst.1.x1800000000';
  await script({ call: 'create', fault: 'refused-with-contract' });
  const { offers } = await vast.searchOffers(aSearch({ type: 'interruptible', directPortsMin: 1 }));
  const [offer] = offers;
  if (offer === undefined) throw new Error('nothing to bid for');
  const bid = anOrder({ label, priceUsdPerHour: offer.minBidUsdPerHour ?? offer.gpuUsdPerHour });
  expect(await vast.createInstance(offer.offerId, bid)).toMatchObject({ kind: 'created' });
  await destroyAll(label);
});

test.each(['too-many', 'server-error', 'not-json', 'reply-lost-before', 'reply-lost-after'])(
  'reading the list survives one %s',
  async (fault) => {
    const before = market.requests().length;
    await script({ call: 'list', fault });
    expect(await vast.listInstances()).toBeInstanceOf(Array);
    const lists = market
      .requests()
      .slice(before)
      .filter(({ path }) => path.startsWith('/api/v1/instances'));
    // A read of the test before may still arrive; what counts is that this one met the fault and went on.
    expect(lists.map((list) => list.fault)).toContain(fault);
    expect(lists.at(-1)).toMatchObject({ fault: null });
  },
);

test('a bad key is told as one, by every call and never as "gone"', async () => {
  await script({ call: 'show', fault: 'auth-error' }, { call: 'destroy', fault: 'auth-error' });
  await expect(vast.showInstance(1)).rejects.toMatchObject({ kind: 'auth' });
  await expect(vast.destroyInstance(1)).rejects.toMatchObject({ kind: 'auth' });
});

test("the market's own limits refuse a client that does not keep them, and it still gets its answers", async () => {
  const facts: CallFacts[] = [];
  const onCall = (fact: CallFacts) => facts.push(fact);
  await using hasty = aClient(market.url, { apiKey: market.key, rateScale: 0, onCall });
  await Promise.all([hasty.listInstances(), hasty.listInstances(), hasty.listInstances()]);
  expect(facts.filter(({ outcome }) => outcome === 'ok')).toHaveLength(3);
  expect(facts.filter(({ outcome }) => outcome === 'too-many')).not.toHaveLength(0);
});

test('thirty instances are listed over two pages, and destroyed in one request', async () => {
  const label = 'leash.abcdefghij.many.klmnopqrst.1.x1800000000';
  const { offers } = await vast.searchOffers(aSearch({ verifiedOnly: false, directPortsMin: 2 }));
  const created = await Promise.all(
    offers.slice(0, 30).map(({ offerId }) => vast.createInstance(offerId, anOrder({ label }))),
  );
  const ids = created.flatMap((result) => (result.kind === 'created' ? [result.instanceId] : []));
  expect(ids.length).toBeGreaterThan(25);
  const listed = async () =>
    (await vast.listInstances({ labels: [label] })).map(({ instanceId }) => instanceId);
  await expect.poll(listed, POLL).toEqual(ids.toSorted((a, b) => a - b));
  expect(await vast.destroyInstances(ids)).toEqual({ kind: 'accepted' });
  await expect.poll(listed, POLL).toEqual([]);
});

test('the account has payments and no volumes', async () => {
  const invoices = await vast.listInvoices({ fromMs: Date.now() - 90 * 86_400_000, toMs: Date.now() });
  expect(invoices).not.toHaveLength(0);
  for (const { usd, atMs } of invoices)
    expect({ usd, atMs }).toEqual({ usd: expect.any(Number), atMs: expect.any(Number) });
  expect(await vast.listVolumes()).toEqual([]);
});

/** The cheapest that can be reached, not the same as anybody else's of this file. */
async function findOffer(): Promise<Offer> {
  const { offers } = await vast.searchOffers(aSearch({ directPortsMin: 2 }));
  const [offer] = offers;
  if (offer === undefined) throw new Error('the simulated market has no offer');
  return offer;
}

async function getInstance(instanceId: number): Promise<Instance> {
  const result = await vast.showInstance(instanceId);
  if (result.kind === 'gone') throw new Error(`instance ${instanceId} is gone`);
  return result.instance;
}

/** The list lags behind a create: what is not in it yet would not be destroyed. */
async function destroyAll(label: string): Promise<void> {
  await expect.poll(() => vast.listInstances({ labels: [label] }), POLL).not.toEqual([]);
  const instances = await vast.listInstances({ labels: [label] });
  await vast.destroyInstances(instances.map(({ instanceId }) => instanceId));
  await expect.poll(() => vast.listInstances({ labels: [label] }), POLL).toEqual([]);
}

async function script(...add: { call: string; fault: string }[]): Promise<void> {
  const answer = await fetch(`${market.url}/_sim/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clear: true, add }),
  });
  if (!answer.ok) throw new Error(`the simulator took no faults: ${answer.status} ${await answer.text()}`);
}
