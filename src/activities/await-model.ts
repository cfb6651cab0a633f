import type { InstanceFacts } from '../domain/attempt.ts';
import { classifyInstanceState, type Failure, failureOf } from '../domain/failure.ts';
import { isServing, seesOurCalls } from '../vllm/probe.ts';
import type { Deps } from './deps.ts';
import { factsOf } from './instance-facts.ts';
import { pinFor } from './pinning.ts';
import { findFailureInLog, saysItServes } from './vllm-log.ts';
import { rest, unlessUnreachable, whileBeating } from './watching.ts';

export type ModelOrder = {
  readonly label: string;
  readonly instanceId: number;
  readonly endpoint: string;
  readonly model: string;
  readonly isPooling: boolean;
  /** A guard watches vLLM's counter of our calls: one that does not move would end a healthy instance. */
  readonly isGuarded: boolean;
  readonly deadlineMs: number;
  readonly lookMs: number;
  readonly heartbeatMs: number;
};

export type ModelResult =
  | { readonly kind: 'ready'; readonly atMs: number; readonly facts: InstanceFacts | null }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly facts: InstanceFacts | null };

/** A counter that did not move so often in a row does not count our calls. */
const BLIND_LOOKS = 3;
/** A first look at the log comes when a start should be under way; reading it sooner tells nothing. */
const LOG_LOOKS_EVERY = 6;
/** A port may still be another tenant's for a moment; vLLM itself never serves without its certificate. */
const UNTRUSTED_LOOKS_MAX = 3;
const PROBE_TIMEOUT_MS = 10_000;

/**
 * Waits until the model answers: an authenticated `/v1/models` that names it, and one generated token.
 *
 * A slow start is no failure before its deadline. What ends it early is the instance's state or fatal text in
 * the log, which is read now and then and once more at the deadline, so that the reason is vLLM's own.
 */
export async function awaitModel(deps: Deps, order: ModelOrder): Promise<ModelResult> {
  const key = deps.installation.instanceKey(order.label);
  const watch: Watch = {
    facts: null,
    why: 'it was not asked yet',
    wasReached: false,
    looks: 0,
    blindLooks: 0,
    untrusted: 0,
  };
  return whileBeating(
    { heartbeatMs: order.heartbeatMs, details: () => ({ endpoint: order.endpoint, last: watch.why }) },
    async () => {
      for (;;) {
        const readiness = await isServing(order.endpoint, key, order.model, {
          timeoutMs: PROBE_TIMEOUT_MS,
          isPooling: order.isPooling,
          ...pinFor(deps, order),
        });
        if (readiness.kind === 'serving') {
          const answer = await judgeGuard(deps, order, watch);
          if (answer !== null) return answer;
        } else if (readiness.kind === 'unauthorized') watch.why = 'the port answers, but refuses our key';
        else watch.why = readiness.why;
        watch.wasReached ||= readiness.kind !== 'not-serving' || readiness.wasAnswered;
        watch.looks += 1;
        watch.untrusted = readiness.kind === 'not-serving' && readiness.isUntrusted ? watch.untrusted + 1 : 0;
        if (watch.untrusted >= UNTRUSTED_LOOKS_MAX) {
          return { kind: 'failed', failure: failureOf('wrong-certificate', watch.why), facts: watch.facts };
        }

        const failure = await fatalSign(deps, order, watch);
        if (failure !== null) return { kind: 'failed', failure, facts: watch.facts };
        if (Date.now() >= order.deadlineMs) {
          return { kind: 'failed', failure: await whyNotReady(deps, order, watch), facts: watch.facts };
        }
        await rest(Math.min(order.lookMs, order.deadlineMs - Date.now()));
      }
    },
  );
}

type Watch = {
  facts: InstanceFacts | null;
  why: string;
  /** Whether anything at all has answered at the port. */
  wasReached: boolean;
  looks: number;
  /** In a row: it served, and its counter of our calls stood still. */
  blindLooks: number;
  /** Looks in a row that met a wrong certificate, or none. */
  untrusted: number;
};

/** A model that serves is READY once its guard can see us; null while that is not known. */
async function judgeGuard(deps: Deps, order: ModelOrder, watch: Watch): Promise<ModelResult | null> {
  const ready: ModelResult = { kind: 'ready', atMs: Date.now(), facts: watch.facts };
  if (!order.isGuarded) return ready;
  const key = deps.installation.instanceKey(order.label);
  const sight = await seesOurCalls(order.endpoint, key, {
    timeoutMs: PROBE_TIMEOUT_MS,
    ...pinFor(deps, order),
  });
  if (sight.kind === 'counts') return { ...ready, atMs: Date.now() };
  watch.why = sight.why;
  watch.blindLooks = sight.kind === 'blind' ? watch.blindLooks + 1 : 0;
  if (watch.blindLooks < BLIND_LOOKS) return null;
  return { kind: 'failed', failure: failureOf('guard-blind', sight.why), facts: watch.facts };
}

/** At the deadline: vLLM's own word, else whether its port or its start is to blame. */
async function whyNotReady(deps: Deps, order: ModelOrder, watch: Watch): Promise<Failure> {
  const said = await findFailureInLog(deps, order.instanceId);
  if (said !== null) return said;
  if (!watch.wasReached && (await saysItServes(deps, order.instanceId))) {
    return failureOf('port-unreachable', `${order.endpoint}: ${watch.why}`);
  }
  return failureOf('vllm-timeout', watch.why);
}

async function fatalSign(
  deps: Deps,
  order: ModelOrder,
  watch: Pick<Watch, 'facts' | 'looks'>,
): Promise<Failure | null> {
  const snapshot = await unlessUnreachable(() =>
    deps.instances.find({ instanceId: order.instanceId }, Date.now() - order.lookMs),
  );
  const instance = snapshot?.instances.find((row) => row.instanceId === order.instanceId);
  if (snapshot !== null && instance !== undefined) {
    watch.facts = factsOf(instance, snapshot.askedAtMs);
    const failure = classifyInstanceState(instance, snapshot.askedAtMs);
    if (failure !== null) return (await findFailureInLog(deps, order.instanceId)) ?? failure;
  }
  return watch.looks % LOG_LOOKS_EVERY === 0 ? findFailureInLog(deps, order.instanceId) : null;
}
