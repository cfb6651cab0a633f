/** What the admin API answers, with good defaults: what a test sets is what it is about. */
import type { AttemptAnswer, ReceiptAnswer, StatusAnswer } from '../../src/admin/answers.ts';

export const STARTED_AT = '2026-03-01T12:00:00.000Z';
export const LABEL = 'leash.ownerowner.default.runrunrun1.1.x1772370000';

/** `seconds` after the session's start, as the wire has it. */
export function at(seconds: number): string {
  return new Date(Date.parse(STARTED_AT) + seconds * 1_000).toISOString();
}

export function atMs(seconds: number): number {
  return Date.parse(at(seconds));
}

export function anAttempt(set: Partial<AttemptAnswer> = {}): AttemptAnswer {
  return {
    attempt: 1,
    label: LABEL,
    tier: 'RTX 4090',
    offer_id: 7001,
    machine_id: 501,
    gpu: 'RTX 4090',
    usd_per_hour: 0.42,
    phase: 'creating',
    started_at: at(2),
    ended_at: null,
    failure: null,
    instance_id: null,
    usd: 0,
    created_at: null,
    running_at: null,
    ready_at: null,
    expected_running_seconds: null,
    expected_ready_seconds: null,
    ...set,
  };
}

/** Just launched: nothing tried yet. */
export function aStatus(set: Partial<StatusAnswer> = {}): StatusAnswer {
  const state = set.state ?? 'SEARCHING';
  return {
    session: 'default',
    state,
    status: state.toLowerCase(),
    detail: 'Looking for offers.',
    provider: null,
    endpoint: null,
    model: 'Qwen/Qwen2.5-7B-Instruct',
    gpu: null,
    instance_id: null,
    machine_id: null,
    usd_per_hour: null,
    accepted: true,
    started_at: STARTED_AT,
    ready_at: null,
    keep_alive_until: null,
    last_used_at: null,
    lifetime_until: at(86_400),
    budget: { limit_usd: 2, spent_usd: 0, reserved_usd: 2, projected_breach_at: null },
    health: { consecutive_failures: 0, last_ok_at: null },
    attempts: [],
    outcome: null,
    reason: null,
    unconfirmed_for_seconds: null,
    receipt: null,
    ...set,
  };
}

export function aReadyStatus(set: Partial<StatusAnswer> = {}): StatusAnswer {
  return aStatus({
    state: 'READY',
    detail: 'Serving.',
    provider: 'vastai',
    endpoint: 'http://203.0.113.9:40123/v1',
    gpu: 'RTX 4090',
    instance_id: 9001,
    machine_id: 501,
    usd_per_hour: 0.42,
    ready_at: at(95),
    keep_alive_until: at(95 + 45 * 60),
    attempts: [anAttempt({ phase: 'ready', instance_id: 9001, usd: 0.0111 })],
    ...set,
  });
}

export function aReceipt(set: Partial<ReceiptAnswer> = {}): ReceiptAnswer {
  const usd = { gpu: 0.035, storage: 0.001, bandwidth: 0.002, total: 0.038 };
  return {
    session: 'default',
    run: 'runrunrun1',
    outcome: 'completed',
    reason: 'requested',
    started_at: STARTED_AT,
    ready_at: at(95),
    ended_at: at(330),
    final: false,
    usd,
    forecast_usd: 0.04,
    provider_usd: null,
    attempts: [anAttempt({ phase: 'gone', instance_id: 9001, ended_at: at(325), usd: 0.038 })],
    instances: [
      {
        instance_id: 9001,
        label: LABEL,
        created_at: at(4),
        running_at: at(30),
        destroy_sent_at: at(300),
        gone_at: at(325),
        seen_absent: [
          { at: at(319), by: 'id' },
          { at: at(325), by: 'list' },
        ],
        usd,
      },
    ],
    ...set,
  };
}
