import { failureOf } from '../../src/domain/failure.ts';
import type { Notification } from '../../src/domain/notification.ts';
import {
  orphanNotice,
  periodBudgetNotice,
  testNotice,
} from '../../src/domain/notification-of-installation.ts';
import {
  breakerNotice,
  destroyedNotice,
  launchFailedNotice,
  projectedBreachNotice,
  readyNotice,
  sessionBudgetNotice,
  unconfirmedNotice,
} from '../../src/domain/notification-of-session.ts';
import type { AttemptView, Receipt } from '../../src/domain/session.ts';

const STARTED_MS = Date.UTC(2026, 6, 1, 12);
const MINUTE_MS = 60_000;

/** The session of the examples: $2 at $0.41/h, `minutes` after its launch. */
const after = (minutes: number, spentUsd: number) => ({
  session: 'default',
  run: 'k3v9q0x2ma',
  nowMs: STARTED_MS + minutes * MINUTE_MS,
  budgetUsd: 2,
  spentUsd,
});
const MACHINE = { attempt: 1, instanceId: 31_415_926, machineId: 14_922, gpu: 'RTX 4090', usdPerHour: 0.41 };
const AT = (minutes: number) => STARTED_MS + minutes * MINUTE_MS;

function attempt(number: number, kind: Parameters<typeof failureOf>[0], machineId: number): AttemptView {
  const { whose, message } = failureOf(kind);
  return {
    attempt: number,
    label: `leash.a1b2c3d4e5.default.k3v9q0x2ma.${number}.x1782993600`,
    tier: 'RTX 4090',
    offerId: 7_000 + number,
    machineId,
    gpu: 'RTX 4090',
    usdPerHour: 0.41,
    phase: 'gone',
    startedAtMs: STARTED_MS,
    endedAtMs: AT(5),
    failure: { kind, whose, message },
    instanceId: 31_415_926,
    usd: 0.01,
  };
}

const RECEIPT: Receipt = {
  session: 'default',
  run: 'k3v9q0x2ma',
  outcome: 'completed',
  reason: 'idle',
  startedAtMs: STARTED_MS,
  readyAtMs: AT(4),
  endedAtMs: AT(132),
  final: false,
  usd: { gpu: 0.86, storage: 0.02, bandwidth: 0.01, total: 0.89 },
  forecastUsd: 0.42,
  providerUsd: null,
  attempts: [],
  instances: [],
};

/** One of each kind, as the page shows them. */
export const EXAMPLES: readonly Notification[] = [
  readyNotice(after(4, 0.02), MACHINE, {
    model: 'Qwen/Qwen2.5-7B-Instruct',
    startedAtMs: STARTED_MS,
    keepAliveUntilMs: AT(49),
  }),
  destroyedNotice(after(132, 0.89), RECEIPT),
  launchFailedNotice(after(11, 0.02), {
    outcome: 'launch-failed',
    reason: `${failureOf('boot-timeout').message} 2 attempts were made.`,
    attempts: [attempt(1, 'cdi-error', 14_922), attempt(2, 'boot-timeout', 20_110)],
    isLeaving: true,
  }),
  sessionBudgetNotice(after(146, 1), { percent: 50, burnUsdPerHour: 0.41, endsAtMs: AT(286) }),
  sessionBudgetNotice(after(234, 1.6), { percent: 80, burnUsdPerHour: 0.41, endsAtMs: AT(286) }),
  sessionBudgetNotice(after(286, 1.96), { percent: 100, burnUsdPerHour: 0.41, endsAtMs: AT(286) }),
  projectedBreachNotice(after(250, 1.71), {
    burnUsdPerHour: 0.41,
    endsAtMs: AT(286),
    keptUntilMs: AT(295),
  }),
  breakerNotice(after(96, 0.63), MACHINE, {
    failure: { ...failureOf('host-offline'), kind: 'host-offline' },
    servedMs: 92 * MINUTE_MS,
    next: 'replaced',
  }),
  unconfirmedNotice(after(134, 0.9), MACHINE, { deleteSentAtMs: AT(132), isGone: false }),
  unconfirmedNotice(after(139, 0.93), MACHINE, { deleteSentAtMs: AT(132), isGone: true }),
  orphanNotice(
    {
      instanceId: 31_415_926,
      label: 'leash.a1b2c3d4e5.default.k3v9q0x2ma.1.x1782993600',
      session: 'default',
      run: 'k3v9q0x2ma',
      usdPerHour: 0.41,
      why: 'its session has ended',
    },
    AT(200),
  ),
  periodBudgetNotice({
    percent: 80,
    atMs: Date.UTC(2026, 6, 19, 9, 30),
    spentUsd: 12,
    limitUsd: 15,
    burnUsdPerHour: 0.82,
    periodStartMs: Date.UTC(2026, 6, 1),
    periodEndMs: Date.UTC(2026, 7, 1),
  }),
  testNotice('0f0e0d0c', AT(0)),
];
