import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import { attemptSpent, attemptView, gpuText, mayExist, receiptInstance } from '../domain/attempt.ts';
import { breachMoment, forWebUi, usd } from '../domain/budget.ts';
import type { OpenCosts } from '../domain/costs.ts';
import type { ContractBill } from '../domain/market.ts';
import { addUsd } from '../domain/meter.ts';
import type { Receipt, SessionView } from '../domain/session.ts';
import { SEARCH_ATTRIBUTES, type SessionMemo } from './messages.ts';
import type { Rental } from './rental.ts';

/** What a rental tells: status, costs, receipt, and what Temporal's Web UI shows of it. Nothing is decided here. */

/** What the session says of itself at `nowMs`. */
export function viewOf(rental: Rental, nowMs: number): SessionView {
  const { state, request, input } = rental;
  const shown = rental.serving ?? state.attempts.findLast(({ phase }) => phase !== 'gone') ?? null;
  const spending = rental.spending(nowMs);
  return {
    session: input.session,
    run: input.run,
    state: rental.sessionState,
    detail: detailOf(rental, nowMs),
    endpoint: rental.serving?.endpoint ? `${rental.serving.endpoint}/v1` : null,
    label: rental.serving?.label ?? null,
    model: request.model,
    gpu: shown === null ? null : gpuText(shown.choice),
    instanceId: shown?.instanceIds[0] ?? null,
    machineId: shown?.choice.machineId ?? null,
    usdPerHour: shown === null ? null : shown.meter.gpuUsdPerHour + shown.meter.storageUsdPerHour,
    accepted: state.accepted,
    autoSwitch: request.autoSwitch,
    startedAtMs: state.startedAtMs,
    readyAtMs: state.readyAtMs,
    keepAliveUntilMs: rental.keepAliveUntilMs,
    lastUsedAtMs: state.lastUsedAtMs,
    lifetimeUntilMs: state.lifetimeUntilMs,
    budget: {
      limitUsd: request.budgetUsd,
      spentUsd: spending.spentUsd,
      reservedUsd: state.accepted === true ? Math.max(0, request.budgetUsd - spending.spentUsd) : 0,
      projectedBreachAtMs: breachMoment(spending, nowMs),
    },
    health: state.health,
    attempts: state.attempts.map((attempt) => attemptView(attempt, nowMs)),
    outcome: state.ending?.outcome ?? null,
    reason: state.ending?.reason ?? null,
    unconfirmedForMs: unconfirmedForMs(rental, nowMs),
    receipt: null,
    isStale: false,
  };
}

/** One sentence for people. */
function detailOf(rental: Rental, nowMs: number): string {
  const { state } = rental;
  const last = state.attempts.at(-1);
  const name = last === undefined ? '' : `${gpuText(last.choice)} on machine ${last.choice.machineId}`;
  switch (rental.sessionState) {
    case 'SEARCHING':
      return `Looking for a GPU.${state.note === '' ? '' : ` ${state.note}`}`;
    case 'LAUNCHING':
      return `Renting ${name} (attempt ${last?.attempt ?? 1}).`;
    case 'BOOTING':
      return `Waiting for ${name} to start (attempt ${last?.attempt ?? 1}).`;
    case 'STARTING_VLLM':
      return `vLLM is loading ${rental.request.model} on ${name}.`;
    case 'READY':
      return state.health.consecutiveFailures > 0
        ? `Serving ${rental.request.model}, but ${state.health.consecutiveFailures} looks in a row failed.`
        : `Serving ${rental.request.model} on ${rental.serving === null ? name : gpuText(rental.serving.choice)}.`;
    case 'IDLE':
      return `Ended: ${state.ending?.outcome} (${state.ending?.reason}).`;
    default:
      return rental.isEnding
        ? `Ending: ${state.ending?.outcome} (${state.ending?.reason}).${stillThere(rental, nowMs)}`
        : `Giving back ${name}.${lastFailureOf(rental)}`;
  }
}

/** What its instances have cost by `nowMs`. */
export function costsOf(rental: Rental, nowMs: number): OpenCosts {
  const { state, input } = rental;
  const rented = state.attempts.filter(({ createSentAtMs }) => createSentAtMs !== null);
  return {
    session: input.session,
    run: input.run,
    forecastUsd: state.forecastUsd,
    attempts: state.attempts.map((attempt) => attemptView(attempt, nowMs)),
    instances: rented.map((attempt) => ({
      ...receiptInstance(attempt, nowMs),
      usd: attemptSpent(attempt, nowMs),
    })),
  };
}

/** The session's last word on money; `charged` is what the provider shows so far. */
export function receiptOf(
  rental: Rental,
  nowMs: number,
  charged: { readonly usd: number | null; readonly contracts?: readonly ContractBill[] },
): Receipt {
  const { state, input } = rental;
  const ending = state.ending ?? {
    outcome: 'launch-failed' as const,
    reason: 'It ended without a reason; this is a bug.',
  };
  const rented = state.attempts.filter(({ createSentAtMs }) => createSentAtMs !== null);
  const instances = rented.map((attempt) => receiptInstance(attempt, nowMs, charged.contracts));
  return {
    session: input.session,
    run: input.run,
    outcome: ending.outcome,
    reason: ending.reason,
    startedAtMs: state.startedAtMs,
    readyAtMs: state.readyAtMs,
    endedAtMs: nowMs,
    // A reset may have taken it back to before it rented, and charges lag: the audit knows by them when it is final.
    final: false,
    usd: addUsd(instances.map(({ usd }) => usd)),
    forecastUsd: state.forecastUsd,
    providerUsd: charged.usd,
    attempts: state.attempts.map((attempt) => attemptView(attempt, nowMs)),
    instances,
  };
}

/** Writes memo, search attributes and the Web UI's text when they say something else than `published`; returns what they say. */
export function publish(rental: Rental, published: string): string {
  const nowMs = Date.now();
  const view = viewOf(rental, nowMs);
  showStory(rental);
  const endsByMs = rental.endsByMs(nowMs);
  const memo: Omit<SessionMemo, 'request' | 'started_at' | 'auto_switch' | 'owner' | 'run' | 'model'> = {
    state: view.state,
    claims: rental.claims,
    instance_id: view.instanceId,
    endpoint: view.endpoint,
    // To the minute: the budget's moment moves a little with every reading, and each upsert is an event.
    ends_by: Number.isFinite(endsByMs) ? new Date(Math.ceil(endsByMs / 60_000) * 60_000).toISOString() : null,
    label: view.label,
    ending: rental.isEnding,
  };
  const attributes = [
    { key: SEARCH_ATTRIBUTES.state, value: view.state },
    { key: SEARCH_ATTRIBUTES.outcome, value: view.outcome },
    { key: SEARCH_ATTRIBUTES.gpu, value: view.gpu },
    { key: SEARCH_ATTRIBUTES.instanceId, value: view.instanceId === null ? null : String(view.instanceId) },
    { key: SEARCH_ATTRIBUTES.usdPerHour, value: view.usdPerHour },
  ];
  const text = JSON.stringify([memo, attributes.map(({ value }) => value)]);
  if (text === published) return published;
  upsertMemo(memo);
  upsertSearchAttributes(attributes);
  return text;
}

/** The Web UI's text, which Temporal does not carry into the next run as it does memo and attributes. */
export function showStory(rental: Rental): void {
  const nowMs = Date.now();
  setCurrentDetails(forWebUi(storyOf(rental, viewOf(rental, nowMs), nowMs)));
}

function storyOf(rental: Rental, view: SessionView, nowMs: number): string {
  const money = `${usd(view.budget.spentUsd)} of ${usd(view.budget.limitUsd)} spent`;
  const attempts = view.attempts.map(
    ({ attempt, gpu, machineId, usdPerHour, phase, failure }) =>
      `${attempt}. ${gpu}, machine ${machineId}, ${usd(usdPerHour)}/h: ${failure === null ? phase : `${phase}. ${failure.message}`}`,
  );
  const until =
    view.keepAliveUntilMs === null
      ? ''
      : `\n\nKept until ${new Date(view.keepAliveUntilMs).toISOString()} unless used.`;
  return `**${view.state}**: ${detailOf(rental, nowMs)}\n\n${money}.${until}\n\n${attempts.join('\n')}`;
}

/** A sentence to end another with. */
export function lastFailureOf(rental: Rental): string {
  const failed = rental.state.attempts.findLast(({ failure }) => failure !== null);
  return failed?.failure ? ` ${failed.failure.message}` : '';
}

function unconfirmedForMs(rental: Rental, nowMs: number): number | null {
  const sent = rental.state.attempts.filter(mayExist).map(({ destroySentAtMs }) => destroySentAtMs);
  const first = sent.filter((atMs) => atMs !== null).sort((a, b) => a - b)[0];
  return first === undefined ? null : Math.max(0, nowMs - first);
}

function stillThere(rental: Rental, nowMs: number): string {
  const forMs = unconfirmedForMs(rental, nowMs);
  return forMs === null || forMs < 60_000
    ? ''
    : ` The provider still shows the instance ${Math.round(forMs / 1_000)} s after our DELETE.`;
}
