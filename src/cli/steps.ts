import type { AttemptAnswer, StatusAnswer } from '../admin/answers.ts';
import { failureText } from './progress.ts';
import { usdPerHour } from './text.ts';

/** A step of a session's life as it stands at one look. */
export type Step = {
  readonly title: string;
  readonly standing: 'done' | 'current' | 'ahead' | 'failed';
  /** How long it took, or goes on by now; null where nobody measured it. */
  readonly tookMs: number | null;
  /** How long it should take; null where nobody can say. */
  readonly expectedMs: number | null;
  readonly says: string;
};

/**
 * The life of a session as steps: attempts that failed, then those of the attempt that is furthest, what goes on
 * beside it, and the end. None for a session that was never launched.
 */
export function stepsOf(status: StatusAnswer, nowMs: number): Step[] {
  if (status.started_at === null) return [];
  const lead = leadOf(status.attempts);
  const beside = status.attempts.filter((attempt) => attempt !== lead && isOpen(attempt));
  return [
    ...failedSteps(status.attempts),
    ...searchSteps(status, lead, nowMs),
    ...(lead === null ? [] : attemptSteps(lead, nowMs)),
    ...readySteps(status, lead),
    ...beside.map((attempt) => besideStep(attempt, nowMs)),
    ...endSteps(status),
  ];
}

/** Which step of an attempt goes on in which of its phases; in any other it is being given back. */
const STEP_OF_PHASE: Readonly<Record<string, number>> = {
  granting: 0,
  creating: 0,
  settling: 0,
  booting: 1,
  'starting-vllm': 2,
  ready: 3,
};

/** The furthest of those that may still serve, else the last that no failure ended. */
function leadOf(attempts: readonly AttemptAnswer[]): AttemptAnswer | null {
  const open = attempts.filter(isOpen);
  const furthest = Math.max(...open.map(stepsPassed));
  return (
    open.find((attempt) => stepsPassed(attempt) === furthest) ??
    attempts.findLast(({ failure, instance_id: instanceId }) => failure === null && instanceId !== null) ??
    null
  );
}

function isOpen({ failure, phase }: AttemptAnswer): boolean {
  return failure === null && STEP_OF_PHASE[phase] !== undefined;
}

/** Of one that is being given back, as far as its times show. */
function stepsPassed(attempt: AttemptAnswer): number {
  const { created_at: created, running_at: running, ready_at: ready } = attempt;
  return STEP_OF_PHASE[attempt.phase] ?? [created, running, ready].filter((at) => at !== null).length;
}

/** Of those that failed, so many are told one by one. */
const FAILED_TOLD = 4;

function failedSteps(attempts: readonly AttemptAnswer[]): Step[] {
  const failed = attempts.filter(({ failure }) => failure !== null);
  const told = failed.slice(-FAILED_TOLD);
  const untold = failed.length - told.length;
  const step = { standing: 'failed', expectedMs: null } as const;
  const earlier = {
    ...step,
    title: `${untold} earlier`,
    tookMs: null,
    says: 'failed too; leash status has each',
  };
  return [
    ...(untold === 0 ? [] : [earlier]),
    ...told.map((attempt) => ({
      ...step,
      title: `attempt ${attempt.attempt}`,
      tookMs: spanMs(attempt.started_at, attempt.ended_at),
      says: `failed on ${attempt.gpu}, machine ${attempt.machine_id}: ${failureText(attempt)}`,
    })),
  ];
}

/** From the launch, or from the end of what failed before, until an offer was chosen. */
function searchSteps(status: StatusAnswer, lead: AttemptAnswer | null, nowMs: number): Step[] {
  const step = { title: 'searching', expectedMs: null, says: '' };
  if (lead !== null) {
    const tookMs = spanMs(searchingSince(status, lead), lead.started_at);
    return [{ ...step, standing: 'done', tookMs }];
  }
  if (status.state !== 'SEARCHING') return [];
  const says =
    status.accepted === null
      ? 'waits for a worker to judge the budget; leash doctor says whether one runs'
      : '';
  return [
    { ...step, standing: 'current', tookMs: nowMs - Date.parse(searchingSince(status, null) ?? ''), says },
  ];
}

function searchingSince({ started_at, attempts }: StatusAnswer, lead: AttemptAnswer | null): string | null {
  const ends = attempts
    .map(({ ended_at: endedAt }) => endedAt ?? '')
    .filter((endedAt) => lead === null || endedAt <= lead.started_at);
  return [started_at ?? '', ...ends].sort().at(-1) ?? null;
}

/** Those that are over, the one that goes on, and while it may still be READY those to come. */
function attemptSteps(attempt: AttemptAnswer, nowMs: number): Step[] {
  const { created_at: created, running_at: running, ready_at: ready, started_at: started } = attempt;
  const passed = stepsPassed(attempt);
  const steps = [
    { title: 'renting', from: started, to: created, expectedMs: null, says: offerText(attempt) },
    { title: 'booting', from: created, to: running, expectedMs: expectedRunningMs(attempt), says: '' },
    { title: 'starting vLLM', from: running, to: ready, expectedMs: expectedStartMs(attempt), says: '' },
  ];
  return steps.flatMap(({ from, to, ...step }, at): Step[] => {
    if (at < passed) return [{ ...step, standing: 'done', tookMs: spanMs(from, to) }];
    if (!isOpen(attempt)) return [];
    if (at > passed) return [{ ...step, standing: 'ahead', tookMs: null }];
    return [{ ...step, standing: 'current', tookMs: from === null ? null : nowMs - Date.parse(from) }];
  });
}

function readySteps(status: StatusAnswer, lead: AttemptAnswer | null): Step[] {
  const step = { title: 'READY', says: '' };
  if (status.ready_at !== null && (lead === null || !isOpen(lead) || stepsPassed(lead) === 3)) {
    const tookMs = spanMs(status.started_at, status.ready_at);
    return [{ ...step, standing: 'done', tookMs, expectedMs: null, says: 'after the launch' }];
  }
  const isComing = lead === null ? status.state === 'SEARCHING' : isOpen(lead);
  const expectedMs = lead === null ? null : (secondsToMs(lead.expected_ready_seconds) ?? null);
  return isComing ? [{ ...step, standing: 'ahead', tookMs: null, expectedMs }] : [];
}

/** With hedging several are tried at once, and the first READY is kept. */
function besideStep(attempt: AttemptAnswer, nowMs: number): Step {
  return {
    title: `attempt ${attempt.attempt}`,
    standing: 'current',
    tookMs: nowMs - Date.parse(attempt.started_at),
    expectedMs: secondsToMs(attempt.expected_ready_seconds),
    says: `beside it: ${attempt.phase.replace('-vllm', ' vLLM')}, ${offerText(attempt)}`,
  };
}

function endSteps(status: StatusAnswer): Step[] {
  const step = { tookMs: null, expectedMs: null };
  if (status.state === 'DESTROYING')
    return [{ ...step, title: 'destroying', standing: 'current', says: status.detail }];
  if (status.state !== 'IDLE') return [];
  return [{ ...step, title: 'ended', standing: 'done', says: status.outcome ?? '' }];
}

function offerText({
  gpu,
  usd_per_hour: price,
  machine_id: machine,
  instance_id: instance,
}: AttemptAnswer): string {
  const rented = instance === null ? '' : `, instance ${instance}`;
  return `${gpu} at ${usdPerHour(price)} on machine ${machine}${rented}`;
}

function expectedRunningMs(attempt: AttemptAnswer): number | null {
  return secondsToMs(attempt.expected_running_seconds);
}

function expectedStartMs({
  expected_running_seconds: running,
  expected_ready_seconds: ready,
}: AttemptAnswer) {
  return running === null || ready === null ? null : (ready - running) * 1_000;
}

function secondsToMs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1_000;
}

function spanMs(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : Math.max(0, Date.parse(to) - Date.parse(from));
}
