import { AsyncLocalStorage } from 'node:async_hooks';
import { activityInfo } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInterceptorsFactory, Next } from '@temporalio/worker';
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { classifyCreateRefusal } from '../domain/failure.ts';
import { parseLabel } from '../domain/label.ts';
import { collectProcessMetrics } from '../process-metrics.ts';
import { type CallFacts, VAST_CALLS } from '../vast/client.ts';
import { sessionOfWorkflowId } from '../workflows/ids.ts';
import type { LookResult } from './deps.ts';

/** Which rental an activity, or a call it makes, is about; every line logged in it says so. */
type Subject = { readonly session?: string; readonly attempt?: number; readonly instance?: number };

export type WorkerMetrics = {
  readonly contentType: string;
  text(): Promise<string>;
  noteMarketCall(facts: CallFacts): void;
  noteLook(result: LookResult): void;
  interceptors: ActivityInterceptorsFactory;
};

const subjects = new AsyncLocalStorage<Subject>();

/** Phases of an attempt, by the activity whose length is the phase's. */
const PHASES: Record<string, string> = {
  searchOffers: 'searching',
  rentInstance: 'creating',
  awaitRunning: 'booting',
  awaitModel: 'starting-vllm',
  awaitDrained: 'draining',
  confirmGone: 'confirming',
};

/**
 * Metrics of one worker, in a registry of its own, and its activities' log lines. `processHome` is given where
 * nobody else tells of the process: its state lies there.
 */
export function observeWorker(
  logger: Logger,
  { processHome }: { readonly processHome: string | null },
): WorkerMetrics {
  const registry = new Registry();
  if (processHome !== null) collectProcessMetrics(registry, processHome);
  const meters = metersOf(registry);
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    noteMarketCall: (facts) => {
      noteMarketCall(meters, facts);
      logger.debug({ ...subjects.getStore(), ...facts }, 'market call');
    },
    noteLook: (result) => meters.looks.inc({ result }),
    interceptors: () => ({
      inbound: {
        execute: (input, next) => {
          const info = activityInfo();
          const subject = subjectOf(info.workflowExecution?.workflowId ?? '', input.args[0]);
          return subjects.run(subject, () => observe(logger, meters, info.activityType, input, next));
        },
      },
    }),
  };
}

type Meters = ReturnType<typeof metersOf>;

function metersOf(registry: Registry) {
  const registers = [registry];
  const meters = {
    phases: new Histogram({
      name: 'leash_phase_duration_seconds',
      help: 'How long a phase of an attempt took, by what came of it',
      labelNames: ['phase', 'result'] as const,
      buckets: [1, 5, 15, 30, 60, 120, 300, 600, 900, 1_800],
      registers,
    }),
    activities: new Counter({
      name: 'leash_activities_total',
      help: 'Activities by type, and whether they answered or failed',
      labelNames: ['activity', 'result'] as const,
      registers,
    }),
    attempts: new Counter({ name: 'leash_attempts_total', help: 'Attempts that were granted', registers }),
    failures: new Counter({
      name: 'leash_attempt_failures_total',
      help: 'Failures of attempts and of READY instances, by kind and whose',
      labelNames: ['kind', 'whose'] as const,
      registers,
    }),
    running: new Gauge({
      name: 'leash_activities_running',
      help: 'Activities that run in this worker now',
      labelNames: ['activity'] as const,
      registers,
    }),
    calls: new Counter({
      name: 'leash_market_calls_total',
      help: 'Requests to the market by endpoint and result; too-many is a 429',
      labelNames: ['call', 'result'] as const,
      registers,
    }),
    callSeconds: new Histogram({
      name: 'leash_market_call_duration_seconds',
      help: 'How long the market took to answer',
      labelNames: ['call'] as const,
      buckets: [0.05, 0.2, 0.5, 1, 2, 5, 10, 30],
      registers,
    }),
    waitSeconds: new Histogram({
      name: 'leash_market_pacing_wait_seconds',
      help: 'How long a call waited for its turn at the endpoint',
      labelNames: ['call'] as const,
      buckets: [0.01, 0.1, 1, 3, 10, 30, 60, 120],
      registers,
    }),
    looks: new Counter({
      name: 'leash_supervision_looks_total',
      help: 'Looks at READY models by result; blind where our own side could not look',
      labelNames: ['result'] as const,
      registers,
    }),
  };
  // What is first seen at one has not risen for Prometheus, and the first of these is worth an alert.
  for (const result of ['answered', 'failed'])
    meters.activities.inc({ activity: 'archiveReceipt', result }, 0);
  for (const call of VAST_CALLS)
    for (const result of ['auth', 'too-many']) meters.calls.inc({ call, result }, 0);
  for (const result of ['ok', 'failed', 'blind']) meters.looks.inc({ result }, 0);
  return meters;
}

function noteMarketCall(meters: Meters, { call, outcome, tookMs, waitedMs }: CallFacts): void {
  meters.calls.inc({ call, result: outcome });
  meters.callSeconds.observe({ call }, tookMs / 1_000);
  meters.waitSeconds.observe({ call }, waitedMs / 1_000);
}

async function observe(
  logger: Logger,
  meters: Meters,
  activity: string,
  input: ActivityExecuteInput,
  next: (input: ActivityExecuteInput) => ReturnType<Next<{ execute: never }, 'execute'>>,
): Promise<unknown> {
  const startedAt = performance.now();
  const tried = activityInfo().attempt;
  const facts = { ...subjects.getStore(), activity, ...(tried > 1 ? { tried } : {}) };
  meters.running.inc({ activity });
  const done = (result: string): void => {
    const seconds = (performance.now() - startedAt) / 1_000;
    meters.activities.inc({ activity, result: result === 'error' ? 'failed' : 'answered' });
    const phase = PHASES[activity];
    if (phase !== undefined) meters.phases.observe({ phase, result }, seconds);
  };
  try {
    const answer: unknown = await next(input);
    const kind = noteAnswer(meters, activity, answer);
    done(kind);
    logger.debug({ ...facts, result: kind }, 'activity answered');
    return answer;
  } catch (error) {
    done('error');
    logger.warn({ ...facts, why: error instanceof Error ? error.message : String(error) }, 'activity failed');
    throw error;
  } finally {
    meters.running.dec({ activity });
  }
}

/** Counts what an answer means for its attempt; the answer's own word. */
function noteAnswer(meters: Meters, activity: string, answer: unknown): string {
  const kind = wordOf(answer, 'kind') ?? 'done';
  if (activity === 'grantAttempt' && kind === 'granted') meters.attempts.inc();
  if (activity === 'rentInstance' && kind === 'unknown')
    meters.failures.inc({ kind: 'create-unknown', whose: 'nobody' });
  if (activity === 'rentInstance' && kind === 'refused') {
    const refusal = { code: wordOf(answer, 'code') ?? '', message: wordOf(answer, 'message') ?? '' };
    const failure = classifyCreateRefusal(refusal);
    meters.failures.inc({ kind: failure.kind, whose: failure.whose });
  }
  const failure: unknown = isObject(answer) ? Reflect.get(answer, 'failure') : null;
  const [failed, whose] = [wordOf(failure, 'kind'), wordOf(failure, 'whose')];
  if (failed !== null && whose !== null) meters.failures.inc({ kind: failed, whose });
  return kind;
}

/** From the workflow's id and whatever the activity was given. */
function subjectOf(workflowId: string, order: unknown): Subject {
  const label = parseLabel(wordOf(order, 'label'));
  const session = sessionOfWorkflowId(workflowId) ?? label?.session ?? wordOf(order, 'session');
  const attempt = numberOf(order, 'attempt') ?? label?.attempt;
  const instance = numberOf(order, 'instanceId') ?? firstOf(order, 'instanceIds');
  return {
    ...(session === null ? {} : { session }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(instance === undefined ? {} : { instance }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function wordOf(given: unknown, name: string): string | null {
  const value: unknown = isObject(given) ? Reflect.get(given, name) : null;
  return typeof value === 'string' ? value : null;
}

function numberOf(given: unknown, name: string): number | undefined {
  const value: unknown = isObject(given) ? Reflect.get(given, name) : null;
  return typeof value === 'number' ? value : undefined;
}

function firstOf(given: unknown, name: string): number | undefined {
  const value: unknown = isObject(given) ? Reflect.get(given, name) : null;
  return Array.isArray(value) && typeof value[0] === 'number' ? value[0] : undefined;
}
