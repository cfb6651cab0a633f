import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Need } from '../../src/domain/need.ts';
import type { Offer } from '../../src/domain/offer.ts';
import { type Candidate, choiceOf, judgeOffer, needOf, rankOffers } from '../../src/domain/ranking.ts';
import { aNeed, anOffer, aRequest, aTier } from '../support/builders.ts';

function mustAccept(offer: Offer, need: Need = aNeed()): Candidate {
  const judged = judgeOffer(offer, need);
  if ('rejected' in judged) throw new Error(judged.rejected.map(({ message }) => message).join('; '));
  return judged.accepted;
}

function reasons(offer: Offer, need: Need = aNeed()) {
  const judged = judgeOffer(offer, need);
  return 'rejected' in judged ? judged.rejected : [];
}

const rtx3090 = (set: Partial<Offer> = {}) =>
  anOffer({ gpuName: 'RTX 3090', computeCapability: 8.6, usdPerHour: 0.2, gpuUsdPerHour: 0.19, ...set });

test('a sound offer of a tier within its price is accepted, with what it costs and serves', () => {
  const accepted = mustAccept(anOffer());
  expect(accepted).toMatchObject({
    tier: 'RTX 4090',
    tierPriority: 1,
    bidUsdPerHour: null,
    usdPerHour: 0.42,
  });
  expect(accepted.serving.servedModel).toBe('Qwen/Qwen2.5-7B-Instruct');
  // 10 GB of image and 15.24 GB of weights at $0.002.
  expect(accepted.trafficUsd).toBeCloseTo(0.0505, 4);
  expect(accepted.usdPerHourWhole).toBeCloseTo(0.4705, 4);
  expect(accepted.gpuUsdPerHour + accepted.storageUsdPerHour).toBeCloseTo(0.42, 10);
});

test.each<[string, Partial<Offer>, Partial<Need>, string, string]>([
  ['is not rentable', { isRentable: false }, {}, 'not-rentable', 'is not rentable now'],
  ['is rented', { isRented: true }, {}, 'not-rentable', 'is rented already'],
  ['is external', { isExternal: true }, {}, 'not-rentable', "is another provider's, only listed here"],
  ['has a GPU of no tier', { gpuName: 'RTX 2080 Ti' }, {}, 'tier', 'RTX 2080 Ti is in none of the tiers'],
  [
    'has the GPU with too little memory',
    { gpuRamMib: 12_000 },
    {},
    'tier',
    'has 12,000 MiB per GPU, tier RTX 4090 asks for 21,600',
  ],
  [
    'has another number of GPUs',
    { gpuCount: 2, usdPerHour: 0.8 },
    {},
    'gpu-count',
    'has 2 GPUs, 1 asked for',
  ],
  [
    'costs more than its tier allows',
    { usdPerHour: 0.601 },
    {},
    'price',
    'costs $0.601/h, tier RTX 4090 allows $0.600',
  ],
  [
    'costs more than the request allows',
    {},
    { usdPerHourMax: 0.4 },
    'price',
    'costs $0.420/h, the request allows $0.400',
  ],
  ['cannot be bid for', { minBidUsdPerHour: null }, { interruptible: true }, 'bid', 'cannot be bid for'],
  [
    'takes no bid so low',
    { minBidUsdPerHour: 0.3 },
    { interruptible: true, bidUsdPerHourMax: 0.25 },
    'bid',
    'takes no bid below $0.300/h, the request allows $0.250',
  ],
  [
    'is less reliable than asked',
    { reliability: 0.9 },
    {},
    'reliability',
    'is 90.0 % reliable, 95.0 % asked for',
  ],
  ['is not verified', { isVerified: false }, {}, 'unverified', 'is not verified'],
  ['is not in a datacenter', {}, { datacenterOnly: true }, 'not-datacenter', 'is not in a datacenter'],
  ['stands elsewhere', {}, { countries: ['DE', 'FR'] }, 'country', 'stands in SE, wanted: DE, FR'],
  [
    'does not say where it stands',
    { country: null },
    { countries: ['DE'] },
    'country',
    'stands in a country it does not name, wanted: DE',
  ],
  ['stands where it must not', {}, { notCountries: ['SE'] }, 'country', 'stands in SE, not wanted: SE'],
  [
    'may stand where it must not',
    { country: null },
    { notCountries: ['SE'] },
    'country',
    'stands in a country it does not name, not wanted: SE',
  ],
  [
    'is not among the machines asked for',
    {},
    { machines: [1, 2] },
    'machine',
    'machine 501 is not among those asked for',
  ],
  [
    'is a machine not wanted',
    {},
    { notMachines: [501] },
    'machine',
    'machine 501 is not wanted by the request',
  ],
  [
    'is blocked',
    {},
    { blockedMachines: [501] },
    'blocked',
    'machine 501 is blocked: it failed lately or another attempt has it',
  ],
  ['has no ports', { directPortCount: 0 }, {}, 'ports', 'has no port to forward, 1 needed'],
  ['has too old a CUDA', { cudaMax: 12.2 }, {}, 'cuda', 'supports CUDA 12.2, the image needs 12.4'],
  [
    'is a Blackwell card without CUDA 12.8',
    { computeCapability: 12, cudaMax: 12.6 },
    {},
    'cuda',
    'supports CUDA 12.6, the image needs 12.8',
  ],
  [
    'has too old a GPU',
    { computeCapability: 6.1 },
    {},
    'compute-capability',
    'has compute capability 6.1, the image needs 7.0',
  ],
  ['has too old a driver', { driverMajor: 535 }, {}, 'driver', 'has driver 535, the image needs 550'],
  ['has another CPU', { cpuArch: 'arm64' }, {}, 'cpu-arch', 'has a CPU of architecture arm64, amd64 needed'],
  ['has too small a disk', { diskGb: 30 }, {}, 'disk', 'has 30 GB of disk, 50 needed'],
  [
    'is listed too short',
    { availableSeconds: 3_600 },
    {},
    'duration',
    'is listed for 1.0 h more, the session may last 24.0 h',
  ],
  [
    'has less memory than asked',
    {},
    { gpuRamMibMin: 40_960 },
    'vram',
    'has 24,564 MiB per GPU, 40,960 asked for',
  ],
  [
    'would boot too long',
    { downloadMbps: 100 },
    {},
    'boot-time',
    'would take 35.3 minutes to boot (25 GB at 100 Mbps), 15.0 allowed',
  ],
])('an offer that %s is rejected for it, with the numbers', (_, offer, need, kind, message) => {
  expect(reasons(anOffer(offer), aNeed(need))).toContainEqual({ kind, message });
});

test('each of these shortfalls alone is the only reason given', () => {
  expect(reasons(anOffer({ reliability: 0.5 }))).toHaveLength(1);
  expect(reasons(anOffer({ usdPerHour: 2 }))).toHaveLength(1);
  expect(reasons(anOffer({ diskGb: 1 }))).toHaveLength(1);
});

test('all shortfalls of an offer are named, not only the first', () => {
  const bad = anOffer({ reliability: 0.5, diskGb: 10, directPortCount: 0, isRented: true });
  expect(reasons(bad).map(({ kind }) => kind)).toEqual(['not-rentable', 'reliability', 'ports', 'disk']);
});

test('a model too large for the card is rejected for its memory', () => {
  const [reason] = reasons(anOffer(), aNeed({ model: 'meta-llama/Llama-3.3-70B-Instruct' }));
  expect(reason).toMatchObject({ kind: 'vram', message: expect.stringContaining('needs') });
});

test('whoever names the memory is believed over our reckoning', () => {
  const need = aNeed({ model: 'acme/Chat-34B' });
  expect(reasons(anOffer(), need)).toHaveLength(1);
  expect(mustAccept(anOffer(), { ...need, gpuRamMibMin: 20_000 }).serving.servedModel).toBe('acme/Chat-34B');
});

test('a driver the listing does not name is judged by its CUDA version alone', () => {
  expect(mustAccept(anOffer({ driverMajor: 0 })).tier).toBe('RTX 4090');
});

test('an A100 with 80 GB counts as the 40 GB tier when its price fits', () => {
  const a100 = anOffer({ gpuName: 'A100 SXM4', gpuRamMib: 81_920, computeCapability: 8.0, usdPerHour: 1.1 });
  expect(mustAccept(a100).tier).toBe('A100 40GB');
  expect(reasons({ ...a100, usdPerHour: 1.3 })).toHaveLength(1);
});

test('a card that two tiers name goes to the one whose price it keeps', () => {
  const tiers = [
    aTier({ name: 'cheap', usdPerHourMax: 0.3, priority: 1 }),
    aTier({ name: 'dear', usdPerHourMax: 0.9, priority: 2 }),
  ];
  expect(mustAccept(anOffer({ usdPerHour: 0.5 }), aNeed({ tiers })).tier).toBe('dear');
  expect(mustAccept(anOffer({ usdPerHour: 0.3 }), aNeed({ tiers })).tier).toBe('cheap');
});

test('the top price of a tier is per GPU', () => {
  const two = anOffer({ gpuCount: 2, usdPerHour: 1.1 });
  expect(mustAccept(two, aNeed({ gpuCount: 2 })).usdPerHour).toBe(1.1);
  expect(reasons({ ...two, usdPerHour: 1.21 }, aNeed({ gpuCount: 2 }))).toHaveLength(1);
});

test('a bid lies a fifth above the lowest, within what caller and tier allow, and is what an hour costs', () => {
  const bid = (set: Partial<Need>) => mustAccept(anOffer(), aNeed({ interruptible: true, ...set }));
  expect(bid({}).bidUsdPerHour).toBeCloseTo(0.24);
  expect(bid({ bidUsdPerHourMax: 0.22 }).bidUsdPerHour).toBe(0.22);
  expect(bid({}).usdPerHour).toBeCloseTo(0.24 + (50 * 0.12) / 720);
});

test('a fast host beats a cheaper one that spends the saving on its download', () => {
  const cheap = anOffer({ offerId: 1, usdPerHour: 0.4, downloadMbps: 300, downloadUsdPerGb: 0.01 });
  const fast = anOffer({ offerId: 2, usdPerHour: 0.43, downloadMbps: 2_000, downloadUsdPerGb: 0 });
  expect(order(rankOffers([cheap, fast], aNeed()).candidates)).toEqual([2, 1]);
});

test('a better tier comes first, whatever the score of a later one', () => {
  const poor4090 = anOffer({ offerId: 1, usdPerHour: 0.6, reliability: 0.951, downloadMbps: 400 });
  const fine3090 = rtx3090({ offerId: 2, usdPerHour: 0.05, reliability: 1, downloadMbps: 2_000 });
  const { candidates } = rankOffers([fine3090, poor4090], aNeed());
  expect(order(candidates)).toEqual([1, 2]);
  expect(candidates[1]?.score).toBeGreaterThan(candidates[0]?.score ?? 1);
});

test('a machine that served before comes first, one that failed last, one unknown between', () => {
  const failed = anOffer({ offerId: 1, machineId: 11 });
  const unknown = anOffer({ offerId: 2, machineId: 12 });
  const proven = anOffer({ offerId: 3, machineId: 13 });
  const machineMemory = { 11: { factor: 0.3, avoid: null }, 13: { factor: 0.8, avoid: null } };
  const ranked = rankOffers([failed, unknown, proven], aNeed({ machineMemory }));
  expect(order(ranked.candidates)).toEqual([3, 2, 1]);
});

test('a machine remembered as bad is rejected with what is remembered, unless it is asked for by name', () => {
  const machineMemory = { 11: { factor: 0.2, avoid: 'remembered: cdi-error 2 h ago' } };
  const offers = [anOffer({ offerId: 1, machineId: 11 })];
  expect(rankOffers(offers, aNeed({ machineMemory })).rejections).toMatchObject([
    { reasons: [{ kind: 'remembered', message: 'remembered: cdi-error 2 h ago' }] },
  ]);
  expect(order(rankOffers(offers, aNeed({ machineMemory, machines: [11] })).candidates)).toEqual([1]);
  const both = aNeed({ machineMemory, machines: [11], notMachines: [11] });
  expect(rankOffers(offers, both).candidates).toEqual([]);
});

test('equal offers go by price, then by id', () => {
  const weights = { price: 0, reliability: 1, download: 0, cuda: 0, disk: 0, memory: 0 };
  const offers = [
    anOffer({ offerId: 3 }),
    anOffer({ offerId: 2 }),
    anOffer({ offerId: 9, usdPerHour: 0.3, gpuUsdPerHour: 0.29 }),
  ];
  expect(order(rankOffers(offers, aNeed(), weights).candidates)).toEqual([9, 2, 3]);
});

test('a choice carries what renting and serving take', () => {
  const need = aNeed();
  const accepted = mustAccept(anOffer(), need);
  expect(choiceOf(accepted, need)).toMatchObject({
    offerId: 7001,
    machineId: 501,
    tier: 'RTX 4090',
    modelToLoad: 'Qwen/Qwen2.5-7B-Instruct',
    diskGb: 50,
    bootDeadlineMs: accepted.bootDeadlineMs,
  });
});

test('a request without a disk gets one for image and weights; a named one stays', () => {
  const context = { maxStartupMs: 900_000 };
  expect(needOf(aRequest(), context).diskGb).toBe(50);
  expect(needOf(aRequest({ diskGb: 80 }), context).diskGb).toBe(80);
  expect(needOf(aRequest({ model: 'Qwen/Qwen2.5-72B-Instruct' }), context).diskGb).toBeGreaterThan(170);
});

test('the download is spread over the hours planned', () => {
  const short = needOf(aRequest(), { maxStartupMs: 900_000 });
  const long = needOf(aRequest({ keepAliveMs: 8 * 3_600_000 }), { maxStartupMs: 900_000 });
  expect([short.hoursPlanned, long.hoursPlanned]).toEqual([1, 8]);
  expect(mustAccept(anOffer(), long).usdPerHourWhole).toBeLessThan(
    mustAccept(anOffer(), short).usdPerHourWhole,
  );
});

const share = fc.double({ min: 0, max: 1, noNaN: true });
const amount = (max: number) => fc.double({ min: 0, max, noNaN: true });
const anyWeights = fc.record({
  price: share,
  reliability: share,
  download: share,
  cuda: share,
  disk: share,
  memory: share,
});
/** Cards as they are sold, so that most offers are accepted: what is always rejected proves nothing of an order. */
const anyCard = fc.constantFrom(
  { gpuName: 'RTX 4090', gpuRamMib: 24_564, computeCapability: 8.9 },
  { gpuName: 'RTX 3090', gpuRamMib: 24_576, computeCapability: 8.6 },
  { gpuName: 'A40', gpuRamMib: 46_068, computeCapability: 8.6 },
  { gpuName: 'A100 SXM4', gpuRamMib: 81_920, computeCapability: 8.0 },
  { gpuName: 'RTX 4080', gpuRamMib: 16_376, computeCapability: 8.9 },
  { gpuName: 'Tesla V100', gpuRamMib: 16_384, computeCapability: 7.0 },
  { gpuName: 'RTX 3080', gpuRamMib: 10_240, computeCapability: 8.6 },
  { gpuName: 'RTX 5090', gpuRamMib: 32_607, computeCapability: 12.0 },
);
const anyOffer = fc
  .record({
    card: anyCard,
    rest: fc.record({
      offerId: fc.integer({ min: 1, max: 9_999 }),
      machineId: fc.integer({ min: 1, max: 20 }),
      usdPerHour: amount(0.5),
      reliability: fc.double({ min: 0.94, max: 1, noNaN: true }),
      downloadMbps: fc.double({ min: 200, max: 8_000, noNaN: true }),
      downloadUsdPerGb: amount(0.05),
      diskMbPerSecond: amount(9_000),
      cudaMax: fc.constantFrom(12.2, 12.4, 12.6, 12.8, 13.0),
    }),
  })
  .map(({ card, rest }) => anOffer({ ...card, ...rest }));
const aMarket = fc.uniqueArray(anyOffer, { selector: (offer) => offer.offerId, maxLength: 40 });

test('every factor and every score lies between 0 and 1, whatever the weights', () => {
  fc.assert(
    fc.property(aMarket, anyWeights, (offers, weights) => {
      for (const { score, factors } of rankOffers(offers, aNeed(), weights).candidates) {
        for (const value of [score, ...Object.values(factors)]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1);
        }
      }
    }),
  );
});

test('a cheaper offer never scores less', () => {
  fc.assert(
    fc.property(anyOffer, anyWeights, share, (offer, weights, part) => {
      const dear = judgeOffer(offer, aNeed({ weights }));
      if ('rejected' in dear) return;
      const cheap = mustAccept({ ...offer, usdPerHour: offer.usdPerHour * part }, aNeed({ weights }));
      expect(cheap.score).toBeGreaterThanOrEqual(dear.accepted.score);
    }),
  );
});

test('ranking loses no offer and invents none', () => {
  fc.assert(
    fc.property(aMarket, (offers) => {
      const { candidates, rejections } = rankOffers(offers, aNeed());
      const ids = [...candidates, ...rejections].map(({ offer }) => offer.offerId);
      expect(ids.sort()).toEqual(offers.map(({ offerId }) => offerId).sort());
      expect(rejections.every((rejected) => rejected.reasons.length > 0)).toBe(true);
    }),
  );
});

test('tiers stand in their order, and scores fall inside a tier', () => {
  fc.assert(
    fc.property(aMarket, anyWeights, (offers, weights) => {
      const need = aNeed({
        machineMemory: { 3: { factor: 0.25, avoid: null }, 7: { factor: 0.9, avoid: null } },
      });
      const { candidates } = rankOffers(offers, need, weights);
      for (const [at, next] of candidates.slice(1).entries()) {
        const before = candidates[at];
        if (before === undefined) throw new Error('a candidate is missing');
        expect(before.tierPriority).toBeLessThanOrEqual(next.tierPriority);
        if (before.tierPriority === next.tierPriority)
          expect(before.score).toBeGreaterThanOrEqual(next.score);
      }
    }),
  );
});

test("the order does not depend on the order of the search's answer", () => {
  fc.assert(
    fc.property(aMarket, (offers) => {
      const forwards = order(rankOffers(offers, aNeed()).candidates);
      expect(order(rankOffers(offers.toReversed(), aNeed()).candidates)).toEqual(forwards);
    }),
  );
});

function order(candidates: readonly Candidate[]): number[] {
  return candidates.map(({ offer }) => offer.offerId);
}
