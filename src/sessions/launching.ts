import { randomInt, randomUUID } from 'node:crypto';
import { WithStartWorkflowOperation, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { LaunchOrder } from '../client.ts';
import { makeRun } from '../domain/label.ts';
import { policyOf } from '../domain/policy.ts';
import { Problem } from '../domain/problem.ts';
import type { SessionRequest, SessionView } from '../domain/session.ts';
import { withDeadline } from '../temporal/connection.ts';
import {
  type MemoRequest,
  type OpenAnswer,
  openUpdate,
  type SessionInput,
  type SessionMemo,
  sessionStart,
  toMemoRequest,
} from '../workflows/messages.ts';
import type { Context } from './context.ts';
import { describeSession, readStatus, viewOf } from './records.ts';
import { isUnanswered } from './refusals.ts';

type Launched = { readonly created: boolean; readonly view: SessionView };

/** How long a launch waits to be judged: then it is durable, and will be judged when a worker comes. */
const OPEN_MS = 5_000;
const TRIES_MAX = 3;

/** Starts the session and waits for its answer; one that is open already answers for itself. */
export async function launchSession(context: Context, order: LaunchOrder): Promise<Launched> {
  // Between the refusal to start and the look at what is there, that session may end: then it is started.
  for (let tries = 1; ; tries += 1) {
    try {
      return await start(context, order);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const existing = await answerOfOpen(context, order);
      if (existing !== null) return { created: false, view: existing };
      if (tries >= TRIES_MAX) {
        throw new Problem(
          'conflict',
          `Session ${order.session} starts and ends at the same time; try again.`,
        );
      }
    }
  }
}

async function start(context: Context, order: LaunchOrder): Promise<Launched> {
  const input = inputOf(context, order);
  const startWorkflowOperation = new WithStartWorkflowOperation('gpuSession', sessionStart(input));
  // A constant id would be answered from a closed run, and start nothing.
  const updateId = order.idempotencyKey ?? randomUUID();
  try {
    const answer: OpenAnswer = await withDeadline(context.client, OPEN_MS, () =>
      context.client.workflow.executeUpdateWithStart(openUpdate, {
        startWorkflowOperation,
        args: [],
        updateId,
      }),
    );
    if (answer.refusal !== null) throw new Problem(answer.refusal.kind, answer.refusal.detail);
    context.table.note(answer.view);
    return { created: true, view: answer.view };
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    // Without a worker nobody judges it, but the start itself lasts: look whether it is there.
    const described = await describeSession(context, order.session);
    if (described === null || (described.memo as Partial<SessionMemo> | undefined)?.run !== input.run)
      throw error;
    return { created: true, view: { ...viewOf(order.session, described).view, accepted: null } };
  }
}

/** What an open session answers a second launch; null when it has ended meanwhile. */
async function answerOfOpen(
  context: Context,
  { session, request }: LaunchOrder,
): Promise<SessionView | null> {
  const described = await describeSession(context, session);
  if (described === null || described.status.name !== 'RUNNING') return null;
  const memo = described.memo as Partial<SessionMemo> | undefined;
  if (memo?.ending === true) {
    throw new Problem('destroying', `Session ${session} is ending; launch it again once it is IDLE.`, {
      retryAfterSeconds: 10,
    });
  }
  const differing = memo?.request === undefined ? [] : differences(memo.request, toMemoRequest(request));
  if (differing.length === 0) return readStatus(context, session);
  const names = differing.map(({ field }) => field).join(', ');
  throw new Problem(
    'conflict',
    `Session ${session} is open with other parameters (${names}). Destroy it first, or launch under another name.`,
    { problems: differing },
  );
}

function inputOf({ installation, config, policy }: Context, { session, request }: LaunchOrder): SessionInput {
  return {
    session,
    owner: installation.owner,
    // A reset must not change it, so it is made here.
    run: makeRun((below) => randomInt(below)),
    request,
    policy: { ...policyOf(config), ...policy },
  };
}

/** Which parameters differ, and how. */
function differences(
  open: MemoRequest,
  asked: MemoRequest,
): { field: string; given: unknown; allowed: string }[] {
  return (Object.keys(asked) as (keyof MemoRequest)[])
    .filter((name) => JSON.stringify(open[name]) !== JSON.stringify(asked[name]))
    .map((name) => ({
      field: wireName(name),
      given: wireValue(name, asked[name]),
      allowed: `${JSON.stringify(wireValue(name, open[name]))}, as it was launched`,
    }));
}

const WIRE_NAMES: Partial<Record<keyof SessionRequest, string>> = {
  keepAliveMs: 'keep_alive_minutes',
  lifetimeMs: 'max_lifetime_minutes',
  gpuCount: 'num_gpus',
  gpuRamMibMin: 'gpu_ram_gib',
  bidUsdPerHourMax: 'max_bid_usd_per_hour',
  usdPerHourMax: 'max_usd_per_hour',
  reliabilityMin: 'min_reliability',
};

/** What one of the wire's units is in ours. */
const IN_OURS: Partial<Record<keyof SessionRequest, number>> = {
  keepAliveMs: 60_000,
  lifetimeMs: 60_000,
  gpuRamMibMin: 1_024,
};

function wireValue(name: keyof SessionRequest, value: unknown): unknown {
  const size = IN_OURS[name];
  return size === undefined || typeof value !== 'number' ? value : value / size;
}

function wireName(name: keyof SessionRequest): string {
  return WIRE_NAMES[name] ?? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
