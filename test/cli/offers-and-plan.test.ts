import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { presentOffers, presentPlan } from '../../src/admin/present-plan.ts';
import { offersText } from '../../src/cli/offers-text.ts';
import { planText } from '../../src/cli/plan-text.ts';
import { parseConfig } from '../../src/config.ts';
import type { Offer } from '../../src/domain/offer.ts';
import { planLaunch } from '../../src/domain/plan.ts';
import { policyOf } from '../../src/domain/policy.ts';
import { Problem } from '../../src/domain/problem.ts';
import { needOf } from '../../src/domain/ranking.ts';
import type { SessionRequest } from '../../src/domain/session.ts';
import { anOffer, aRequest } from '../support/builders.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';
import { runLeash } from './run-leash.ts';

const environment = { ADMIN_TOKEN: TOKEN, NO_COLOR: '1' };
const policy = policyOf(parseConfig({}));

const MARKET: readonly Offer[] = [
  anOffer(),
  anOffer({ offerId: 7002, machineId: 502, usdPerHour: 0.5, gpuUsdPerHour: 0.49 }),
  anOffer({ offerId: 7003, machineId: 503, reliability: 0.8, directPortCount: 0 }),
  anOffer({ offerId: 7004, machineId: 504, reliability: 0.7 }),
];

function planOf(set: Partial<SessionRequest> = {}, offers = MARKET) {
  const request = aRequest(set);
  const ledger = { limitUsd: 15, spentUsd: 1, reservedUsd: 2 };
  const need = needOf(request, policy);
  return { request, plan: planLaunch({ request, need, policy, offers, ledger }) };
}

/** The server over a market that is only told of. */
function planning() {
  return startHttpEdge({
    sessions: scriptedSessions({ plan: async ({ request }) => planOf(request).plan }),
  });
}

const plain = (lines: readonly string[]) => lines.map(stripVTControlCharacters);

test('offers ranks them and says that some did not fit', async () => {
  await using edge = await planning();
  const { code, out } = await runLeash(['offers', '--url', edge.url], { env: environment });
  expect(code).toBe(0);
  expect(out).toMatch(/4 offers seen, 2 fit/);
  expect(out).toMatch(/1 {2}RTX 4090 .* 0\.420 .* 501 .*Fast 7B to 14B chat/);
  expect(out).toMatch(/--explain says why 2 offers did not fit/);
});

test('offers --explain shows every factor, and each reason with the offers it speaks against', async () => {
  await using edge = await planning();
  const { out } = await runLeash(['offers', '--explain', '--url', edge.url], { env: environment });
  expect(out).toMatch(/price 40% .*reliability 25% .*download 15% .*cuda 5% .*disk 5% .*memory 10%/);
  expect(out).toMatch(/reliability +2 +is 80\.0 % reliable, 95\.0 % asked for/);
  expect(out).toMatch(/7003 .*is 80\.0 % reliable.*\n +has no port to forward/);
});

test('offers passes on what was asked, and nothing else', async () => {
  await using edge = await planning();
  const asked = [
    '--tier',
    'RTX 4090',
    '--num-gpus',
    '2',
    '--countries',
    'se,no',
    '--unverified',
    '--limit',
    '3',
  ];
  await runLeash(['offers', ...asked, '--url', edge.url], { env: environment });
  const given = edge.sessions.calls.find(({ name }) => name === 'plan')?.given;
  expect(given).toMatchObject({
    call: 'offers',
    request: { gpuCount: 2, countries: ['SE', 'NO'], verifiedOnly: false, tiers: [{ name: 'RTX 4090' }] },
  });
});

test('plan answers what it costs, when it is READY and what stops it, and exits 0', async () => {
  await using edge = await planning();
  const { code, out } = await runLeash(['plan', '--budget', '1', '--url', edge.url], { env: environment });
  expect(code).toBe(0);
  expect(out).toMatch(/READY +[\d.]+ min after the order, \$[\d.]+ spent by then/);
  expect(out).toMatch(/cost +\$[\d.]+ for 45 min without use: GPU .*, disk .*, image .*, weights/);
  expect(out).toMatch(/at most +\$1\.00: its budget/);
  expect(out).toMatch(/1 at launch +passes: \$1\.00 asked, \$1\.00 spent and \$2\.00 reserved of \$15\.00/);
  expect(out).toMatch(/3 while used +the budget ends it [\d.]+ h after READY/);
  expect(out).toMatch(/4 extended +by [\d.]+ (min|h) at most; bound by its budget/);
});

test('plan of a launch that the budget cannot start says so first, and exits 4', async () => {
  await using edge = await planning();
  const { code, out } = await runLeash(['plan', '--budget', '0.05', '--url', edge.url], { env: environment });
  expect(code).toBe(4);
  expect(out).toMatch(/^This launch would rent nothing \(checkpoint 2\): /);
});

test('plan --json is the answer of the API', async () => {
  await using edge = await planning();
  const { out } = await runLeash(['plan', '--json', '--url', edge.url], { env: environment });
  const served = await edge.ask('/api/admin/plan', { method: 'POST', json: {} });
  expect(JSON.parse(out)).toEqual(await served.json());
});

test('a market that cannot be reached exits 3 with its reason', async () => {
  const unreachable = new Problem('market-unreachable', 'The market did not answer within 60 s.');
  await using edge = await startHttpEdge({
    sessions: scriptedSessions({ plan: () => Promise.reject(unreachable) }),
  });
  const { code, err } = await runLeash(['offers', '--url', edge.url], { env: environment });
  expect(code).toBe(3);
  expect(err).toMatch(/did not answer within 60 s/);
});

test.each([80, 100, 160])('the tables of a terminal of %d columns fit it', (width) => {
  const { plan, request } = planOf();
  const look = { nowMs: 0, width };
  const explained = presentOffers(plan, { afterRank: 0, limit: 20, isExplained: true, tiers: [] });
  const tables = [
    ...plain(offersText(explained, look)),
    ...plain(planText(presentPlan(plan, request), look)),
  ];
  const rows = tables.filter(
    (line) => /█|RTX|reliab/.test(line) && !/ {3}\S.*(cost|score 0|loads)/.test(line),
  );
  expect(rows.length).toBeGreaterThan(10);
  expect(rows.filter((line) => line.length > width && !line.startsWith('  why this'))).toEqual([]);
});
