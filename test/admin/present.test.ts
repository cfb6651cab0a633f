import { expect, test } from 'vitest';
import { statusAnswer } from '../../src/admin/answers.ts';
import { presentAttempt, presentBudget, presentStatus, toSessionRequest } from '../../src/admin/present.ts';
import { launchBody } from '../../src/admin/schema.ts';
import { parseConfig } from '../../src/config.ts';
import { type AttemptView, idleView, type Receipt, type SessionView } from '../../src/domain/session.ts';
import { DEFAULT_TIERS } from '../../src/domain/tier.ts';

const AT = Date.UTC(2026, 0, 31, 23, 59, 58, 500);
const requestOf = (body: unknown, settings: Record<string, string> = {}) =>
  toSessionRequest(launchBody.parse(body), parseConfig(settings), DEFAULT_TIERS);

test('a launch that says nothing takes the settings of the installation', () => {
  const settings = {
    LEASH_MODEL: 'org/model',
    LEASH_IMAGE: 'image:1',
    VASTAI_SESSION_BUDGET_LIMIT: '1.5',
    VASTAI_DEFAULT_KEEP_ALIVE_MINUTES: '30',
  };
  expect(requestOf({}, settings)).toEqual({
    model: 'org/model',
    keepAliveMs: 1_800_000,
    autoSwitch: true,
    budgetUsd: 1.5,
    lifetimeMs: 86_400_000,
    hedge: 1,
    replace: false,
    tiers: DEFAULT_TIERS,
    gpuCount: 1,
    gpuRamMibMin: null,
    diskGb: null,
    image: 'image:1',
    vllmArgs: [],
    interruptible: false,
    bidUsdPerHourMax: null,
    usdPerHourMax: null,
    countries: [],
    notCountries: [],
    datacenterOnly: false,
    verifiedOnly: true,
    reliabilityMin: 0.95,
    machines: [],
    notMachines: [],
  });
});

test('what a launch says comes before the settings, in the units of the domain', () => {
  const body = {
    model: 'org/other',
    keep_alive_minutes: 0.05,
    budget_usd: 0.5,
    max_lifetime_minutes: 90,
    gpu_ram_gib: 20,
    disk_gb: 70,
    tiers: [{ name: 'A40', gpu_names: ['A40'], vram_gb: 48, usd_per_hour_max: 0.5, priority: 1 }],
    interruptible: true,
    max_bid_usd_per_hour: 0.2,
    max_usd_per_hour: 0.6,
    countries: ['de', 'DE', 'SE'],
    machines: [7, 7, 8],
  };
  expect(requestOf(body)).toMatchObject({
    model: 'org/other',
    keepAliveMs: 3_000,
    budgetUsd: 0.5,
    lifetimeMs: 5_400_000,
    gpuRamMibMin: 20_480,
    diskGb: 70,
    tiers: [
      {
        name: 'A40',
        gpuNames: ['A40'],
        vramGb: 48,
        usdPerHourMax: 0.5,
        priority: 1,
        useCase: 'As asked for at launch',
      },
    ],
    interruptible: true,
    bidUsdPerHourMax: 0.2,
    usdPerHourMax: 0.6,
    countries: ['DE', 'SE'],
    machines: [7, 8],
  });
});

test('a lifetime shorter than the default keep-alive caps it', () => {
  expect(requestOf({ max_lifetime_minutes: 10 })).toMatchObject({
    keepAliveMs: 600_000,
    lifetimeMs: 600_000,
  });
});

const attempt: AttemptView = {
  attempt: 1,
  label: 'leash.aaaaaaaaaa.default.bbbbbbbbbb.1.x1900000000',
  tier: 'RTX 4090',
  offerId: 11,
  machineId: 22,
  gpu: 'RTX 4090',
  usdPerHour: 0.123456789,
  phase: 'gone',
  startedAtMs: AT,
  endedAtMs: null,
  failure: { kind: 'cdi-error', whose: 'host', message: 'CDI' },
  instanceId: 33,
  usd: 0.1 + 0.2,
};

const receipt: Receipt = {
  session: 'default',
  run: 'bbbbbbbbbb',
  outcome: 'completed',
  reason: 'requested',
  startedAtMs: AT,
  readyAtMs: AT,
  endedAtMs: AT,
  final: false,
  usd: { gpu: 0.1234567, storage: 0, bandwidth: 0.00000049, total: 0.1234572 },
  forecastUsd: null,
  providerUsd: 1 / 3,
  attempts: [attempt],
  instances: [
    {
      instanceId: 33,
      label: attempt.label,
      createdAtMs: AT,
      runningAtMs: null,
      destroySentAtMs: AT,
      goneAtMs: AT,
      seenAbsent: [
        { atMs: AT, by: 'id' },
        { atMs: AT, by: 'list' },
      ],
      usd: { gpu: 0.1, storage: 0, bandwidth: 0, total: 0.1 },
    },
  ],
};

const ready: SessionView = {
  ...idleView('default'),
  run: 'bbbbbbbbbb',
  state: 'READY',
  detail: 'Serving.',
  endpoint: 'http://10.0.0.1:40000/v1',
  usdPerHour: 1 / 3,
  startedAtMs: AT,
  keepAliveUntilMs: AT + 1_500,
  budget: { limitUsd: 2, spentUsd: 1 / 3, reservedUsd: 2 - 1 / 3, projectedBreachAtMs: AT },
  health: { consecutiveFailures: 1, lastOkAtMs: AT },
  attempts: [attempt],
  unconfirmedForMs: 12_345,
  receipt,
};

test('a session reads on the wire in ISO times, dollars of six decimals and units in names', () => {
  const wire = presentStatus(ready, { isServing: true });
  expect(wire).toMatchObject({
    state: 'READY',
    status: 'ready',
    provider: 'vastai',
    usd_per_hour: 0.333333,
    started_at: '2026-01-31T23:59:58.500Z',
    ready_at: null,
    keep_alive_until: '2026-02-01T00:00:00.000Z',
    budget: {
      limit_usd: 2,
      spent_usd: 0.333333,
      reserved_usd: 1.666667,
      projected_breach_at: '2026-01-31T23:59:58.500Z',
    },
    health: { consecutive_failures: 1, last_ok_at: '2026-01-31T23:59:58.500Z' },
    unconfirmed_for_seconds: 12.345,
    attempts: [
      { offer_id: 11, machine_id: 22, instance_id: 33, usd: 0.3, usd_per_hour: 0.123457, ended_at: null },
    ],
    receipt: {
      usd: { gpu: 0.123457, bandwidth: 0, total: 0.123457 },
      provider_usd: 0.333333,
      forecast_usd: null,
      instances: [
        {
          running_at: null,
          gone_at: '2026-01-31T23:59:58.500Z',
          seen_absent: [{ by: 'id' }, { by: 'list' }],
        },
      ],
    },
  });
});

test('an attempt shows its times beside the expected ones, and null where an older record has none', () => {
  const timed: AttemptView = {
    ...attempt,
    ...{ createdAtMs: AT, runningAtMs: AT + 1_500, readyAtMs: null },
    ...{ runningMsExpected: 61_500, readyMsExpected: 95_000 },
  };
  expect(presentAttempt(timed)).toMatchObject({
    created_at: '2026-01-31T23:59:58.500Z',
    running_at: '2026-02-01T00:00:00.000Z',
    ready_at: null,
    expected_running_seconds: 61.5,
    expected_ready_seconds: 95,
  });
  expect(presentAttempt(attempt)).toMatchObject({
    ...{ created_at: null, running_at: null, ready_at: null },
    ...{ expected_running_seconds: null, expected_ready_seconds: null },
  });
});

test('the status has exactly the fields that the API documents', () => {
  for (const view of [ready, idleView('other')]) {
    const wire = presentStatus(view, { isServing: false });
    expect(statusAnswer.parse(wire)).toEqual(wire);
  }
});

test.each([
  ['READY', true, 'vastai'],
  ['READY', false, null],
  ['DESTROYING', true, null],
] as const)(
  'a session that is %s, in the table of the gateway: %s, has provider %s',
  (state, isServing, provider) => {
    expect(presentStatus({ ...ready, state }, { isServing }).provider).toBe(provider);
  },
);

test('the budget names the thresholds that were reached and when, and when the period ends', () => {
  const budget = {
    ...{ limitUsd: 15, spentUsd: 12, reservedUsd: 2, freeUsd: 1 },
    ...{ period: 'month', periodEndMs: Date.UTC(2027, 0, 1), alertsFired: 1, projectedBreachAtMs: null },
    alerts: [{ percent: 50, atMs: AT }],
  };
  expect(presentBudget(budget)).toEqual({
    limit_usd: 15,
    spent_usd: 12,
    reserved_usd: 2,
    free_usd: 1,
    period: 'month',
    period_ends_at: '2027-01-01T00:00:00.000Z',
    alerts: [
      { percent: 50, at: new Date(AT).toISOString(), detail: '50 % of the budget of $15 was reached.' },
    ],
    projected_breach_at: null,
  });
  expect(presentBudget({ ...budget, period: 'none', periodEndMs: null }).period_ends_at).toBeNull();
});
