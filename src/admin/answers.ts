import { z } from 'zod';
import { SPENDING_DIMENSIONS } from '../domain/gateway-costs.ts';
import { PROBLEM_KINDS } from '../domain/problem.ts';
import { OUTCOMES, SESSION_STATES } from '../domain/session.ts';

/**
 * What the admin API answers, in the words of the wire: ISO 8601 UTC times, dollars with six decimals.
 * `present.ts` makes them, the OpenAPI document describes them, the command line reads them.
 */
const time = z.iso.datetime();
const maybeTime = time.nullable();
const usd = z.number();

const usdParts = z.object({ gpu: usd, storage: usd, bandwidth: usd, total: usd });

export const attemptAnswer = z.object({
  attempt: z.int(),
  label: z.string(),
  tier: z.string(),
  offer_id: z.number(),
  machine_id: z.number(),
  gpu: z.string(),
  usd_per_hour: usd,
  phase: z.string(),
  started_at: time,
  ended_at: maybeTime,
  failure: z
    .object({
      kind: z.string(),
      whose: z.enum(['caller', 'host', 'market', 'account', 'nobody']),
      message: z.string(),
    })
    .nullable(),
  instance_id: z.number().nullable(),
  usd,
  created_at: maybeTime
    .default(null)
    .describe('When the contract began; null until then, and in older records'),
  running_at: maybeTime.default(null),
  ready_at: maybeTime.default(null),
  expected_running_seconds: z
    .number()
    .nullable()
    .default(null)
    .describe('From `started_at`, as computed from bytes and bandwidth'),
  expected_ready_seconds: z.number().nullable().default(null),
});

export const receiptAnswer = z.object({
  session: z.string(),
  run: z.string(),
  outcome: z.enum(OUTCOMES),
  reason: z.string(),
  started_at: time,
  ready_at: maybeTime,
  ended_at: time,
  final: z.boolean().describe("False until the provider's charges cover the contract's life"),
  usd: usdParts,
  forecast_usd: usd.nullable(),
  provider_usd: usd.nullable(),
  attempts: z.array(attemptAnswer),
  instances: z.array(
    z.object({
      instance_id: z.number().nullable(),
      label: z.string(),
      created_at: maybeTime,
      running_at: maybeTime,
      destroy_sent_at: maybeTime,
      gone_at: maybeTime,
      seen_absent: z.array(z.object({ at: time, by: z.enum(['id', 'list']) })),
      usd: usdParts,
    }),
  ),
});

export const statusAnswer = z.object({
  session: z.string(),
  state: z.enum(SESSION_STATES),
  status: z.string().describe('`state` in lower case'),
  detail: z.string().describe('One sentence for people'),
  provider: z
    .string()
    .nullable()
    .describe('Where the gateway sends now: `modal`, `vastai`, `anthropic` or another'),
  endpoint: z.string().nullable(),
  model: z.string().nullable(),
  gpu: z.string().nullable(),
  instance_id: z.number().nullable(),
  machine_id: z.number().nullable(),
  usd_per_hour: usd.nullable(),
  accepted: z.boolean().nullable().describe('Whether the ledger reserved the budget; null until asked'),
  started_at: maybeTime,
  ready_at: maybeTime,
  keep_alive_until: maybeTime,
  last_used_at: maybeTime,
  lifetime_until: maybeTime,
  budget: z.object({
    limit_usd: usd,
    spent_usd: usd,
    reserved_usd: usd,
    projected_breach_at: maybeTime,
  }),
  health: z.object({ consecutive_failures: z.int(), last_ok_at: maybeTime }),
  attempts: z.array(attemptAnswer),
  outcome: z.enum(OUTCOMES).nullable(),
  reason: z.string().nullable(),
  unconfirmed_for_seconds: z.number().nullable(),
  receipt: receiptAnswer.nullable(),
});

export const launchAnswer = statusAnswer.extend({ created: z.boolean() });

export const sessionSummaryAnswer = z.object({
  session: z.string(),
  run: z.string().nullable(),
  state: z.enum(SESSION_STATES),
  status: z.string(),
  outcome: z.string().nullable(),
  gpu: z.string().nullable(),
  instance_id: z.number().nullable(),
  usd_per_hour: usd.nullable(),
  model: z.string().nullable().default(null),
  budget_usd: usd.nullable().default(null),
  spent_usd: usd.nullable().default(null).describe('Null in lists; a status knows it'),
  started_at: time,
  ended_at: maybeTime,
});

export const sessionsAnswer = z.object({
  items: z.array(sessionSummaryAnswer),
  next: z.string().nullable().describe('Give it back as `after` for what follows; null at the end'),
});

export const budgetAnswer = z.object({
  limit_usd: usd,
  period: z.string(),
  period_ends_at: maybeTime,
  spent_usd: usd,
  reserved_usd: usd,
  free_usd: usd,
  alerts: z
    .array(z.object({ percent: z.number(), at: time, detail: z.string() }))
    .describe('The thresholds of 50, 80 and 100 % that spending has reached in this period'),
  projected_breach_at: maybeTime.describe(
    'When the limit is reached at what burns now; null while nothing does, or the period ends first',
  ),
});

const useAnswer = z.object({
  requests: z.int(),
  failures: z.int().describe('Answered with 500 or above'),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  usd_per_request: usd.nullable().describe('Null without requests, or while some have no known price'),
  usd_per_million_tokens: usd.nullable().describe('A GPU with all it cost, used or not; null as above'),
});

const costSum = z.object({
  usd: usdParts.extend({ tokens: usd.describe('To providers that charge by the token') }),
  use: useAnswer.nullable().describe('Through the gateway; null where requests are not told apart by this'),
  instances: z.int(),
  standing: z
    .enum(['so-far', 'not-final', 'final'])
    .describe('so-far: with open sessions; not-final: by our meter; final: by the charges of the provider'),
  forecast_usd: usd.nullable().describe('What sessions that have ended were expected to cost'),
});

export const costsAnswer = z.object({
  from: time,
  to: time,
  by: z.enum(SPENDING_DIMENSIONS),
  items: z.array(costSum.extend({ key: z.string() })),
  next: z.null(),
  total: costSum,
  unread_sessions: z.array(z.string()).describe('Open sessions that no worker told of: not in the sums'),
});

export const timelineAnswer = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      at: time,
      kind: z.enum(['launched', 'state', 'step', 'failed', 'message', 'deadline', 'pending', 'ended']),
      title: z.string(),
      attempt: z.int().optional(),
      detail: z.string().optional(),
    }),
  ),
  next: z.string().nullable().describe('Give it back as `after` for what follows; null at the end'),
});

export const hoursAnswer = z.object({
  id: z.string(),
  session: z.string(),
  days: z.enum(['weekdays', 'daily']),
  from: z.string(),
  to: z.string(),
  timezone: z.string(),
  model: z.string(),
  paused: z.boolean().describe("Paused in Temporal's Web UI"),
  next_launch_at: maybeTime,
  last_launch_at: maybeTime,
});

export const hoursListAnswer = z.object({ items: z.array(hoursAnswer), next: z.null() });
export const hoursRemovedAnswer = z.object({ id: z.string(), removed: z.boolean() });

export const logsAnswer = z.object({
  session: z.string(),
  instance_id: z.number(),
  lines: z.array(z.string()),
});

const reapedInstance = z.object({ instance_id: z.number(), label: z.string(), why: z.string() });

export const reapAnswer = z.object({
  found: z.int().describe('Instances that carry a label of the owner'),
  destroyed: z.array(reapedInstance).describe('Seen gone; with `dry_run`, what would be destroyed'),
  left: z.array(reapedInstance).describe('Kept, and why'),
  dry_run: z.boolean(),
  expired_of_others: z
    .array(z.object({ instance_id: z.number(), label: z.string(), usd_per_hour: usd.nullable() }))
    .describe('Instances of other owners past the expiry of their label: shown, never touched'),
  idle: z
    .array(
      z.object({
        kind: z.enum(['instance', 'volume']),
        id: z.number(),
        label: z.string().nullable(),
        usd_per_hour: usd.nullable(),
      }),
    )
    .describe('Stopped instances and volumes of the account, whoever’s: they go on billing'),
});

export const problemAnswer = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  kind: z.enum([...PROBLEM_KINDS, 'internal']),
  detail: z.string(),
  problems: z
    .array(z.object({ field: z.string(), given: z.unknown(), allowed: z.string() }))
    .optional()
    .describe('Everything wrong with the input, at once'),
});

export const readinessAnswer = z.object({
  ready: z.boolean(),
  temporal: z.boolean(),
  worker: z.boolean(),
  schedules: z.boolean(),
  market: z.boolean(),
  details: z.array(z.string()),
});

export * from './access-answers.ts';
export * from './guarantees-answers.ts';
export * from './key-answers.ts';
export * from './machine-answers.ts';
export * from './notification-answers.ts';
export * from './plan-answers.ts';
export * from './provider-answers.ts';
export * from './samples-answers.ts';
export * from './settings-answers.ts';
export * from './sign-in-answers.ts';
export * from './version-answers.ts';

export type AttemptAnswer = z.output<typeof attemptAnswer>;
export type ReceiptAnswer = z.output<typeof receiptAnswer>;
export type StatusAnswer = z.output<typeof statusAnswer>;
export type LaunchAnswer = z.output<typeof launchAnswer>;
export type SessionSummaryAnswer = z.output<typeof sessionSummaryAnswer>;
export type SessionsAnswer = z.output<typeof sessionsAnswer>;
export type BudgetAnswer = z.output<typeof budgetAnswer>;
export type TimelineAnswer = z.output<typeof timelineAnswer>;
export type HoursAnswer = z.output<typeof hoursAnswer>;
export type LogsAnswer = z.output<typeof logsAnswer>;
export type ReapAnswer = z.output<typeof reapAnswer>;
export type CostsAnswer = z.output<typeof costsAnswer>;
export type ProblemAnswer = z.output<typeof problemAnswer>;
export type ReadinessAnswer = z.output<typeof readinessAnswer>;
