import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OfferAnswer, OffersAnswer, PlanAnswer, ProblemAnswer } from '../../src/admin/answers.ts';
import type { LaunchInput } from '../../src/admin/schema.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ policy: { bootTimeFactor: 1 / 300 } });
});
afterAll(() => stack[Symbol.asyncDispose]());

async function offers(query = ''): Promise<OffersAnswer> {
  const { status, body } = await stack.api.admin<OffersAnswer>('GET', `offers?${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

async function plan(body: LaunchInput = {}): Promise<PlanAnswer> {
  const answer = await stack.api.admin<PlanAnswer>('POST', 'plan', body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}

function reasonsOf(answer: OffersAnswer): Set<string> {
  return new Set(answer.rejected?.items.flatMap(({ reasons }) => reasons.map(({ kind }) => kind)));
}

describe('offers', () => {
  test('stand by tier and score, with every factor, and cost nothing to look at', async () => {
    const { items, offers_fit } = await offers('limit=100&verified_only=false&min_reliability=0');
    expect(items.length).toBeGreaterThan(30);
    expect(offers_fit).toBeGreaterThanOrEqual(items.length);
    const ranked = items.map(({ tier, score }) => ({ tier, score }));
    for (const [at, { tier, score }] of ranked.entries()) {
      const next = ranked[at + 1];
      if (next?.tier === tier) expect(score).toBeGreaterThanOrEqual(next.score);
    }
    for (const item of items) expect(pointsOf(item)).toBeCloseTo(item.score, 2);
    expect(await stack.books.ours()).toEqual([]);
  });

  test('come in pages without a gap', async () => {
    const all = await offers('limit=12');
    const first = await offers('limit=5');
    const second = await offers(`limit=7&after=${first.next}`);
    expect([...first.items, ...second.items].map(({ offer_id }) => offer_id)).toEqual(
      all.items.map(({ offer_id }) => offer_id),
    );
  });

  test('are asked of the market once for all who ask within twenty seconds', async () => {
    await offers('disk_gb=77');
    const before = stack.market.requests().filter(({ call }) => call === 'search').length;
    await offers('disk_gb=77');
    await plan({ disk_gb: 77 });
    expect(stack.market.requests().filter(({ call }) => call === 'search')).toHaveLength(before);
  });

  test('with explain each rejected one says why, in words', async () => {
    const { offers_seen, offers_fit, rejected } = await offers('explain=true&min_reliability=0.99');
    expect(rejected?.count).toBe(offers_seen - offers_fit);
    const unreliable = rejected?.items
      .flatMap(({ reasons }) => reasons)
      .find(({ kind }) => kind === 'reliability');
    expect(unreliable?.message).toMatch(/^is [\d.]+ % reliable, 99.0 % asked for$/);
    for (const { reasons } of rejected?.items ?? []) expect(reasons.length).toBeGreaterThan(0);
  });

  test('of one tier are asked for by its name', async () => {
    const { items } = await offers('tier=l40s,RTX%203090&limit=100');
    expect(new Set(items.map(({ tier }) => tier))).toEqual(new Set(['RTX 3090', 'L40S']));
  });

  test('a wrong query is refused with everything that is wrong', async () => {
    const answer = await stack.api.admin<ProblemAnswer>(
      'GET',
      'offers?num_gpus=many&countries=Germany&colour=red',
    );
    expect(answer.status).toBe(400);
    expect(answer.body.problems?.map(({ field }) => field).sort()).toEqual([
      'colour',
      'countries[0]',
      'num_gpus',
    ]);
    const tier = await stack.api.admin<ProblemAnswer>('GET', 'offers?tier=RTX%209999');
    expect(tier.body).toMatchObject({ status: 400, problems: [{ field: 'tier', given: 'RTX 9999' }] });
  });
});

describe('every field of a launch decides which offers there are', () => {
  test('num_gpus: several cards in one machine, the model split over them', async () => {
    const { items } = await offers('num_gpus=2');
    expect(items.length).toBeGreaterThan(0);
    for (const { gpu, serving } of items) {
      expect(gpu).toMatch(/^2× /);
      expect(serving.vllm_args.join(' ')).toContain('--tensor-parallel-size 2');
    }
  });

  test('countries and not_countries', async () => {
    const all = await offers('limit=100');
    const [country] = all.items.map((item) => item.country).filter((one) => one !== null);
    const only = await offers(`countries=${country?.toLowerCase()}&limit=100`);
    expect(new Set(only.items.map((item) => item.country))).toEqual(new Set([country]));
    const without = await offers(`not_countries=${country}&limit=100`);
    expect(without.offers_fit).toBe(all.offers_fit - only.offers_fit);
    expect(without.items.map((item) => item.country)).not.toContain(country);
  });

  test('datacenter_only', async () => {
    const { items } = await offers('datacenter_only=true&limit=100');
    expect(items.length).toBeGreaterThan(0);
    expect(items.every(({ is_datacenter }) => is_datacenter)).toBe(true);
  });

  test('verified_only, which is the default', async () => {
    const some = 'tier=RTX%204090&min_reliability=0&limit=100';
    const [verified, all] = [await offers(some), await offers(`${some}&verified_only=false`)];
    expect(verified.items.every(({ is_verified }) => is_verified)).toBe(true);
    expect(all.items.some(({ is_verified }) => !is_verified)).toBe(true);
  });

  test('min_reliability', async () => {
    const strict = await offers('min_reliability=0.99&limit=100&explain=true');
    expect(strict.items.every(({ reliability }) => reliability >= 0.99)).toBe(true);
    expect(reasonsOf(strict)).toContain('reliability');
    expect(strict.offers_fit).toBeLessThan((await offers()).offers_fit);
  });

  test('max_usd_per_hour, below what the tiers allow', async () => {
    const { items } = await offers('max_usd_per_hour=0.3&limit=100');
    expect(items.length).toBeGreaterThan(0);
    expect(Math.max(...items.map(({ usd_per_hour }) => usd_per_hour))).toBeLessThanOrEqual(0.3);
  });

  test('machines and not_machines', async () => {
    const { items } = await offers();
    const [a] = items;
    const b = items.find(({ machine_id }) => machine_id !== a?.machine_id);
    const only = await offers(`machines=${b?.machine_id}&explain=true`);
    expect(new Set(only.items.map(({ machine_id }) => machine_id))).toEqual(new Set([b?.machine_id]));
    expect(reasonsOf(only)).toContain('machine');
    const without = await offers(`not_machines=${a?.machine_id}&limit=100`);
    expect(without.items.map(({ machine_id }) => machine_id)).not.toContain(a?.machine_id);
    expect(without.items[0]?.offer_id).toBe(b?.offer_id);
  });

  test('gpu_ram_gib, and the caller’s word for it is taken', async () => {
    const { items } = await offers('gpu_ram_gib=40&limit=100');
    expect(items.length).toBeGreaterThan(0);
    expect(Math.min(...items.map(({ gpu_ram_mib }) => gpu_ram_mib))).toBeGreaterThanOrEqual(40_960);
  });

  test('disk_gb is in the price', async () => {
    const [small] = (await offers('disk_gb=50')).items;
    const large = await offers(`disk_gb=60&machines=${small?.machine_id}&explain=true`);
    const same = [...large.items, ...(large.rejected?.items ?? [])].find(
      ({ offer_id }) => offer_id === small?.offer_id,
    );
    expect(large.disk_gb).toBe(60);
    expect(same?.usd_per_hour).toBeGreaterThan(small?.usd_per_hour ?? Number.POSITIVE_INFINITY);
    expect((await offers('disk_gb=100000')).offers_fit).toBe(0);
  });

  test('tiers of the launch itself', async () => {
    const h100 = {
      name: 'H100',
      gpu_names: ['H100 PCIE', 'H100 SXM'],
      vram_gb: 80,
      usd_per_hour_max: 3,
      priority: 1,
      use_case: '70B',
    };
    const { tiers, first } = await plan({ tiers: [h100], budget_usd: 2, keep_alive_minutes: 10 });
    expect(tiers).toMatchObject([{ name: 'H100', use_case: '70B' }]);
    expect(first?.gpu).toMatch(/^H100/);
  });

  test('interruptible with max_bid_usd_per_hour: bids, and never above it', async () => {
    const [onDemand, bid] = [
      await offers('limit=100'),
      await offers('interruptible=true&max_bid_usd_per_hour=0.15&limit=100&explain=true'),
    ];
    expect(bid.items.length).toBeGreaterThan(0);
    expect(onDemand.items.every(({ bid_usd_per_hour }) => bid_usd_per_hour === null)).toBe(true);
    for (const { bid_usd_per_hour } of bid.items) {
      expect(bid_usd_per_hour).toBeGreaterThan(0);
      expect(bid_usd_per_hour).toBeLessThanOrEqual(0.15);
    }
    expect(reasonsOf(bid)).toContain('bid');
  });
});

describe('a plan', () => {
  test('says what it costs, when it is READY and what stops it, and rents nothing', async () => {
    const searches = stack.market.requests().length;
    const planned = await plan({ budget_usd: 1, keep_alive_minutes: 30 });
    expect(planned.forecast?.total_usd).toBeCloseTo(partsOf(planned), 4);
    expect(planned.forecast?.minutes_to_ready).toBeGreaterThan(0);
    expect(planned.worst_case).toMatchObject({ at_most_usd: 1, bound_by: 'budget' });
    expect(planned.checkpoints.reservation).toMatchObject({ asked_usd: 1, limit_usd: 15, is_passed: true });
    expect(planned.checkpoints.running.budget_ends_minutes_after_ready).toBeGreaterThan(30);
    expect(planned.stopped_by).toBeNull();
    const calls = stack.market.requests(searches).map(({ call }) => call);
    expect(calls.filter((call) => call === 'create')).toEqual([]);
    expect(await stack.books.ours()).toEqual([]);
    expect((await stack.api.admin<{ reserved_usd: number }>('GET', 'budget')).body.reserved_usd).toBe(0);
  });

  test('for a budget that carries only cheap GPUs is what the launch does', async () => {
    const order = aLaunch({ session: 'thrifty', keep_alive_minutes: 45, budget_usd: 0.2 });
    const [best] = (await plan({ keep_alive_minutes: 45 })).tiers;
    const { first, checkpoints } = await plan({ keep_alive_minutes: 45, budget_usd: 0.2 });
    // More offers that are too dear rank before it than a search hands over.
    expect(best?.offers_fit).toBeGreaterThan(16);
    expect(checkpoints.offers.affordable).toBeGreaterThan(0);
    expect(first?.tier).not.toBe(best?.name);
    await stack.api.launched(order);
    const { attempts } = await stack.api.supervised('thrifty');
    expect(attempts[0]?.tier).toBe(first?.tier);
    await stack.books.expectAllWell(await stack.api.destroyed('thrifty'));
  });

  test('refuses what a launch refuses, with the same words', async () => {
    const wrong = { budget_usd: 900, keep_alive_minutes: -1, gpus: 2 };
    const [launched, planned] = await Promise.all([
      stack.api.launch(wrong as LaunchInput),
      stack.api.admin<ProblemAnswer>('POST', 'plan', wrong),
    ]);
    expect(planned.status).toBe(400);
    expect(planned.body).toEqual(launched.body);
  });

  test('names checkpoint 2 when the budget carries no offer', async () => {
    const { stopped_by, first } = await plan({ budget_usd: 0.05 });
    expect(first).toBeNull();
    expect(stopped_by).toMatchObject({ checkpoint: 2 });
    expect(stopped_by?.detail).toMatch(/the budget is \$0\.05/);
  });

  test('is what the launch then does: the same offer, the same forecast in its receipt', async () => {
    const body = aLaunch({ session: 'planned', num_gpus: 2, keep_alive_minutes: 5 });
    const planned = await plan({ ...body, session: 'another' });
    await stack.api.launched(body);
    const { attempts } = await stack.api.ready('planned');
    const receipt = await stack.api.destroyed('planned');
    expect(attempts[0]).toMatchObject({ offer_id: planned.first?.offer_id, gpu: planned.first?.gpu });
    expect(receipt.forecast_usd).toBeCloseTo(planned.forecast?.total_usd ?? 0, 6);
    await stack.books.expectAllWell(receipt, { trafficShare: 1 });
  });

  test('an interruptible launch rents at the bid that its plan named', async () => {
    const body = aLaunch({ session: 'bidding', interruptible: true, max_bid_usd_per_hour: 0.2 });
    const planned = await plan(body);
    await stack.api.launched(body);
    await stack.api.ready('bidding');
    const [contract] = await stack.books.ours('bidding');
    expect(contract?.is_bid).toBe(true);
    const { attempts } = await stack.api.destroyed('bidding');
    expect(attempts[0]?.usd_per_hour).toBeCloseTo(planned.first?.usd_per_hour ?? 0, 4);
  });
});

describe('without an answer', () => {
  test('a market that refuses the key is 502 market-refused', async () => {
    await stack.faults({ call: 'search', fault: 'auth-error', times: 1 });
    const { status, body } = await stack.api.admin<ProblemAnswer>('GET', 'offers?disk_gb=61');
    expect(status).toBe(502);
    expect(body).toMatchObject({ kind: 'market-refused' });
  });

  test('a market that fails is 502 market-unreachable', async () => {
    await stack.faults({ call: 'search', fault: 'reply-lost-before', times: 0 });
    const { status, body } = await stack.api.admin<ProblemAnswer>('POST', 'plan', { disk_gb: 62 });
    stack.market.clearFaults();
    expect(status).toBe(502);
    expect(body).toMatchObject({ kind: 'market-unreachable' });
  });

  test('no worker is 503 with Retry-After, within seconds', async () => {
    await stack.stopWorker();
    const startedMs = performance.now();
    const { status, body, headers } = await stack.api.admin<ProblemAnswer>('POST', 'plan', {});
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    expect(body).toMatchObject({ kind: 'no-worker' });
    expect(status).toBe(503);
    expect(headers.get('retry-after')).not.toBeNull();
    await stack.startWorker();
    expect(
      await eventually(
        'a plan again',
        async () => (await stack.api.admin('POST', 'plan', {})).status === 200,
        30_000,
      ),
    ).toBe(true);
  });
});

function pointsOf({ factors }: OfferAnswer): number {
  return Object.values(factors).reduce((sum, { points }) => sum + points, 0);
}

function partsOf({ forecast }: PlanAnswer): number {
  if (forecast === null) return Number.NaN;
  return forecast.gpu_usd + forecast.storage_usd + forecast.image_usd + forecast.weights_usd;
}
