import type { WorkflowHandle } from '@temporalio/client';
import { usd } from '../../domain/budget.ts';
import { parseLabel } from '../../domain/label.ts';
import type { Receipt } from '../../domain/session.ts';
import { isResult, tellAnswer } from './activity-words.ts';
import { decoded, millisOf, type Payload } from './payloads.ts';

export const TIMELINE_KINDS = [
  'launched',
  'state',
  'step',
  'failed',
  'message',
  'deadline',
  'pending',
  'ended',
] as const;

/** One thing that happened to a session. */
export type TimelineItem = {
  readonly id: string;
  readonly atMs: number;
  readonly kind: (typeof TIMELINE_KINDS)[number];
  readonly title: string;
  readonly attempt?: number | undefined;
  readonly detail?: string | undefined;
};

export type HistoryEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

/** What one run's history tells, oldest first; `known` is carried on from the run before. */
export function tellRun(
  runId: string,
  events: readonly HistoryEvent[],
  known: Known = freshKnown(),
): TimelineItem[] {
  const scheduled = new Map<string, Scheduled>();
  const timers = new Map<string, string>();
  const items: TimelineItem[] = [];
  for (const event of events) {
    const eventId = String(event.eventId);
    const told = tellEvent(event, { scheduled, timers, known });
    if (told !== null)
      items.push({ id: `${runId}.${eventId}`, atMs: millisOf(event.eventTime) ?? 0, ...told });
  }
  return items;
}

/** What is known of a session across its runs. */
export type Known = { state: string | null; readonly attemptOfInstance: Map<number, number> };

export const freshKnown = (): Known => ({ state: null, attemptOfInstance: new Map() });

type Scheduled = {
  readonly type: string;
  readonly summary: string | null;
  readonly attempt: number | undefined;
};
type Reading = {
  readonly scheduled: Map<string, Scheduled>;
  readonly timers: Map<string, string>;
  readonly known: Known;
};
type Telling = Omit<TimelineItem, 'id' | 'atMs'>;

function tellEvent(event: HistoryEvent, reading: Reading): Telling | null {
  return (
    tellActivity(event, reading) ?? tellMessage(event) ?? tellTime(event, reading) ?? tellLife(event, reading)
  );
}

function tellActivity(event: HistoryEvent, { scheduled, known }: Reading): Telling | null {
  const begun = event.activityTaskScheduledEventAttributes;
  if (begun) {
    const order = decoded(begun.input?.payloads?.[0]);
    scheduled.set(String(event.eventId), {
      type: begun.activityType?.name ?? '',
      summary: summaryOf(event),
      attempt: attemptOf(order, known),
    });
    return null;
  }
  const done = event.activityTaskCompletedEventAttributes;
  if (done) {
    const of = scheduled.get(String(done.scheduledEventId));
    if (of === undefined) return null;
    const result = decoded(done.result?.payloads?.[0]);
    if (isResult(result) && typeof result.instanceId === 'number' && of.attempt !== undefined)
      known.attemptOfInstance.set(result.instanceId, of.attempt);
    return { ...tellAnswer(of.type, result, of.summary), attempt: of.attempt };
  }
  const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  if (!failed) return null;
  const of = scheduled.get(String(failed.scheduledEventId));
  return {
    kind: 'failed',
    title: `${of?.summary ?? of?.type ?? 'A step'}: ${failed.failure?.message ?? 'not answered in time'}`,
    attempt: of?.attempt,
  };
}

/** What people and programs asked of it. */
function tellMessage(event: HistoryEvent): Telling | null {
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal) return asked(signal.signalName, signal.input?.payloads?.[0], ' by signal');
  const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input;
  if (update) return asked(update.name, update.args?.payloads?.[0], '');
  const answered = event.workflowExecutionUpdateCompletedEventAttributes?.outcome;
  const refusal = answered?.failure?.message;
  if (refusal) return { kind: 'failed', title: refusal };
  const view = decoded(answered?.success?.payloads?.[0]);
  if (isResult(view) && isResult(view.refusal))
    return { kind: 'failed', title: 'The launch was refused', detail: String(view.refusal.detail) };
  return event.workflowExecutionCancelRequestedEventAttributes
    ? { kind: 'message', title: 'Its cancellation was asked for' }
    : null;
}

function asked(name: string | null | undefined, payload: Payload, how: string): Telling | null {
  const given = decoded(payload);
  switch (name) {
    case 'extend':
      return { kind: 'message', title: `Extension asked for${how}: ${minutesOf(given)}` };
    case 'destroy': {
      const isShutdown = isResult(given) && given.reason === 'shutdown';
      return {
        kind: 'message',
        title: `Its end was asked for${isShutdown ? ', as the program stops' : how}`,
      };
    }
    case 'touch':
      return { kind: 'message', title: 'Counted as used by signal' };
    default:
      return null;
  }
}

function minutesOf(given: unknown): string {
  if (!isResult(given)) return 'by a word that is no number of minutes';
  const minutes =
    typeof given.additionalMs === 'number' ? given.additionalMs / 60_000 : given.additional_minutes;
  return typeof minutes === 'number'
    ? `${Math.round(minutes * 100) / 100} min`
    : 'without a number of minutes';
}

/** Of timers only deadlines are told: the others are rests between two looks. */
function tellTime(event: HistoryEvent, { timers }: Reading): Telling | null {
  const started = event.timerStartedEventAttributes;
  const summary = summaryOf(event);
  if (started && summary !== null) timers.set(started.timerId ?? '', summary);
  const fired = event.timerFiredEventAttributes;
  if (!fired) return null;
  const what = timers.get(fired.timerId ?? '');
  return what?.endsWith(' deadline') ? { kind: 'deadline', title: `The ${what} was looked at` } : null;
}

/** Its beginning, its states and its end. */
function tellLife(event: HistoryEvent, { known }: Reading): Telling | null {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started) {
    noteState(known, started.searchAttributes?.indexedFields?.SessionState);
    return started.continuedExecutionRunId
      ? { kind: 'step', title: 'It goes on in a new run of its workflow' }
      : { kind: 'launched', title: 'Launched', detail: summaryOf(event) ?? undefined };
  }
  const fields = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
  if (fields) {
    const before = known.state;
    noteState(known, fields.SessionState);
    return known.state === null || known.state === before ? null : { kind: 'state', title: known.state };
  }
  return tellEnd(event);
}

function noteState(known: Known, payload: Payload): void {
  const value = decoded(payload);
  const state = Array.isArray(value) ? value[0] : value;
  if (typeof state === 'string') known.state = state;
}

function tellEnd(event: HistoryEvent): Telling | null {
  const completed = event.workflowExecutionCompletedEventAttributes;
  if (completed) {
    const receipt = decoded(completed.result?.payloads?.[0]) as Partial<Receipt> | null;
    return {
      kind: 'ended',
      title: `Ended: ${receipt?.outcome ?? 'completed'} (${receipt?.reason ?? 'no reason'})`,
      detail:
        receipt?.usd === undefined ? undefined : `${usd(receipt.usd.total)} in all; the receipt is written`,
    };
  }
  const terminated = event.workflowExecutionTerminatedEventAttributes;
  if (terminated)
    return {
      kind: 'ended',
      title: 'Its workflow was terminated from outside; the reaper gives back what it left',
      detail: terminated.reason || undefined,
    };
  const failure = event.workflowExecutionFailedEventAttributes?.failure;
  if (failure)
    return {
      kind: 'ended',
      title: 'Its workflow failed, which is a bug',
      detail: failure.message ?? undefined,
    };
  if (event.workflowExecutionTimedOutEventAttributes)
    return { kind: 'ended', title: 'Its workflow ran out of time' };
  return event.workflowExecutionCanceledEventAttributes
    ? { kind: 'ended', title: 'Its workflow was cancelled' }
    : null;
}

/** Which attempt a step belongs to, by what it was given. */
function attemptOf(order: unknown, { attemptOfInstance }: Known): number | undefined {
  if (!isResult(order)) return undefined;
  if (typeof order.attempt === 'number') return order.attempt;
  if (typeof order.label === 'string') return parseLabel(order.label)?.attempt;
  return typeof order.instanceId === 'number' ? attemptOfInstance.get(order.instanceId) : undefined;
}

function summaryOf(event: HistoryEvent): string | null {
  const summary = decoded(event.userMetadata?.summary);
  return typeof summary === 'string' && summary !== '' ? summary : null;
}
