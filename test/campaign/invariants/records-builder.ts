import type { ReceiptAnswer, StatusAnswer } from '../../../src/admin/answers.ts';
import type { ContractRecord } from '../market.ts';
import type { RunRecords, SessionRecord, TemporalRun } from '../records.ts';

export const OWNER = 'ownerowner';
export const RUN = 'runrunrun1';
/** When the session of these records was launched, epoch seconds. */
export const START = 1_800_000_000;

export function labelOf(attempt = 1, session = 's1', owner = OWNER): string {
  return `leash.${owner}.${session}.${RUN}.${attempt}.x${START + 3_600}`;
}

/** A contract that was rented, ran, and was given back after a minute. Times in seconds from the launch. */
export function aContract(set: Partial<ContractRecord> = {}): ContractRecord {
  return {
    id: 501,
    account: 1,
    label: labelOf(),
    machine_id: 9,
    offer_id: 90,
    requested_at: START + 2,
    reply: 'sent',
    created_at: START + 2,
    listed_at: START + 2,
    running_at: START + 5,
    destroy_requested_at: START + 60,
    destroy_accepted_at: START + 60,
    destroyed_at: START + 61,
    billed_until: START + 61,
    destroyed_by: 'account',
    state: 'destroyed',
    is_bid: false,
    usd: { gpu: 0.2, disk: 0.01, bandwidth: 0.1, total: 0.31 },
    ...set,
  };
}

export function aReceipt(set: Partial<ReceiptAnswer> = {}): ReceiptAnswer {
  return {
    session: 's1',
    run: RUN,
    outcome: 'completed',
    reason: 'idle',
    started_at: at(0),
    ready_at: at(8),
    ended_at: at(70),
    final: true,
    usd: { gpu: 0.2, storage: 0.01, bandwidth: 0.1, total: 0.31 },
    forecast_usd: 0.3,
    provider_usd: 0.31,
    attempts: [],
    instances: [
      {
        instance_id: 501,
        label: labelOf(),
        created_at: at(2),
        running_at: at(5),
        destroy_sent_at: at(60),
        gone_at: at(61),
        seen_absent: [],
        usd: { gpu: 0.2, storage: 0.01, bandwidth: 0.1, total: 0.31 },
      },
    ],
    ...set,
  };
}

export function aStatus(set: Partial<StatusAnswer> = {}): StatusAnswer {
  return {
    session: 's1',
    state: 'IDLE',
    status: 'idle',
    detail: 'Ended: completed (idle).',
    provider: null,
    endpoint: null,
    model: null,
    gpu: null,
    instance_id: null,
    machine_id: null,
    usd_per_hour: null,
    accepted: true,
    started_at: at(0),
    ready_at: at(8),
    keep_alive_until: null,
    last_used_at: null,
    lifetime_until: null,
    budget: { limit_usd: 0.5, spent_usd: 0.31, reserved_usd: 0, projected_breach_at: null },
    health: { consecutive_failures: 0, last_ok_at: null },
    attempts: [],
    outcome: 'completed',
    reason: 'idle',
    unconfirmed_for_seconds: null,
    receipt: aReceipt(),
    ...set,
  };
}

export function aSession(
  set: Partial<SessionRecord> & { hedge?: number; budgetUsd?: number } = {},
): SessionRecord {
  const { hedge = 1, budgetUsd = 0.5, ...rest } = set;
  return {
    plan: {
      session: 's1',
      body: {
        session: 's1',
        budget_usd: budgetUsd,
        keep_alive_minutes: 0.2,
        max_lifetime_minutes: 3,
        hedge,
        replace: false,
        interruptible: false,
        num_gpus: 1,
      },
      ends: 'idle',
      afterSeconds: 1,
      extendMinutes: 0.1,
      meddling: null,
    },
    launchedAtMs: START * 1_000,
    launch: 'accepted',
    said: null,
    status: aStatus(),
    firstReceipt: null,
    isOpen: false,
    ...rest,
  };
}

export function aLife(set: Partial<TemporalRun> = {}): TemporalRun {
  return {
    session: 's1',
    run: RUN,
    status: 'COMPLETED',
    startedAtMs: START * 1_000,
    closedAtMs: (START + 71) * 1_000,
    ...set,
  };
}

/** One session that kept every promise, beside a stranger. */
export function records(set: Partial<RunRecords> = {}): RunRecords {
  const stranger = aContract({
    id: 7,
    label: 'somebody',
    destroy_requested_at: null,
    destroy_accepted_at: null,
    destroyed_at: null,
    destroyed_by: null,
    state: 'running',
  });
  return {
    seed: 1,
    profile: 'calm',
    owner: OWNER,
    endedAtMs: (START + 300) * 1_000,
    contracts: [stranger, aContract()],
    renamedIds: [],
    strangersBefore: [stranger],
    sessions: [aSession()],
    runs: [aLife()],
    sightings: [],
    outages: [],
    limits: [{ atMs: (START - 10) * 1_000, usd: 2 }],
    hands: [],
    timing: {
      reapMs: 30_000,
      auditMs: 60_000,
      settleMs: 35_000,
      meterMs: 4_000,
      launchMs: 240_000,
      lagMs: 60_000,
    },
    netFailures: [],
    replayFailures: [],
    leaks: [],
    ...set,
  };
}

/** Seconds from the launch as the API writes a time. */
export function at(second: number): string {
  return new Date((START + second) * 1_000).toISOString();
}
