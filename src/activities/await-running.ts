import type { InstanceFacts } from '../domain/attempt.ts';
import { classifyInstanceState, type Failure, failureOf } from '../domain/failure.ts';
import { addressOf, type Instance } from '../domain/instance.ts';
import type { Deps } from './deps.ts';
import { factsOf, hasLabel } from './instance-facts.ts';
import { findFailureInLog } from './vllm-log.ts';
import { rest, unlessUnreachable, whileBeating } from './watching.ts';

export type BootOrder = {
  readonly label: string;
  readonly instanceId: number;
  readonly deadlineMs: number;
  readonly lookMs: number;
  readonly portGraceMs: number;
  readonly heartbeatMs: number;
  /** Time an instance may be missing from the books after its create, before that means anything. */
  readonly settleMs: number;
  /** Absent in what workflows of 0.1.0 order. */
  readonly tls?: boolean;
};

export type BootResult =
  | { readonly kind: 'running'; readonly endpoint: string; readonly facts: InstanceFacts }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly facts: InstanceFacts | null };

/** Waits until the container runs and its port is mapped; fails fast on fatal text only, else at the deadline. */
export async function awaitRunning(deps: Deps, order: BootOrder): Promise<BootResult> {
  const watch = {
    startedAtMs: Date.now(),
    facts: null as InstanceFacts | null,
    runningSinceMs: null as number | null,
  };
  return whileBeating(
    { heartbeatMs: order.heartbeatMs, details: () => bootDetails(order, watch.facts) },
    async () => {
      for (;;) {
        const snapshot = await unlessUnreachable(() =>
          deps.instances.find({ instanceId: order.instanceId }, Date.now()),
        );
        const instance = snapshot?.instances.find(
          (row) => row.instanceId === order.instanceId || hasLabel(row, order.label),
        );
        if (snapshot !== null && instance !== undefined) {
          watch.facts = factsOf(instance, snapshot.askedAtMs);
          const result = judgeBoot(instance, watch.facts, order, watch);
          if (result !== null) return explained(deps, order, result);
        }
        if (snapshot !== null && instance === undefined && (await hasVanished(deps, order, watch))) {
          return { kind: 'failed', failure: failureOf('vanished'), facts: watch.facts };
        }
        if (Date.now() >= order.deadlineMs) {
          return {
            kind: 'failed',
            failure: {
              ...failureOf('boot-timeout', statusText(watch.facts, instance)),
              // Not once shown: that is the market's silence, or ours, and nothing is known of the machine.
              ...(watch.facts === null && { isUnseen: true }),
            },
            facts: watch.facts,
          };
        }
        await rest(Math.min(order.lookMs, order.deadlineMs - Date.now()));
      }
    },
  );
}

/** A container that ran and ended between two looks says in its log why: the caller's mistakes end it in seconds. */
async function explained(deps: Deps, order: BootOrder, result: BootResult): Promise<BootResult> {
  if (result.kind !== 'failed' || result.failure.kind !== 'exited') return result;
  const said = await findFailureInLog(deps, order.instanceId);
  return said === null ? result : { ...result, failure: said };
}

function judgeBoot(
  instance: Instance,
  facts: InstanceFacts,
  order: BootOrder,
  watch: { runningSinceMs: number | null },
): BootResult | null {
  const fatal = classifyInstanceState(instance, facts.observedAtMs);
  if (fatal !== null) return { kind: 'failed', failure: fatal, facts };
  if (instance.actualStatus !== 'running') return null;
  const address = addressOf(instance);
  if (address !== null) {
    const scheme = order.tls === true ? 'https' : 'http';
    return { kind: 'running', endpoint: `${scheme}://${hostInUrl(address.host)}:${address.port}`, facts };
  }
  watch.runningSinceMs ??= Date.now();
  const isMissing = Date.now() - watch.runningSinceMs >= order.portGraceMs;
  return isMissing ? { kind: 'failed', failure: failureOf('port-missing'), facts } : null;
}

/** Once seen, or long enough after its create, absence from a complete list that a read by id confirms. */
async function hasVanished(
  deps: Deps,
  order: BootOrder,
  watch: { facts: InstanceFacts | null; startedAtMs: number },
): Promise<boolean> {
  if (watch.facts === null && Date.now() - watch.startedAtMs < order.settleMs) return false;
  const shown = await unlessUnreachable(() => deps.vast.showInstance(order.instanceId));
  return shown !== null && shown.kind === 'gone';
}

function statusText(facts: InstanceFacts | null, instance: Instance | undefined): string {
  const said = instance?.statusMessage;
  return `it was ${facts?.actualStatus ?? 'not reported yet'}${said ? ` ("${said.slice(0, 120)}")` : ''}`;
}

function bootDetails(order: BootOrder, facts: InstanceFacts | null): unknown {
  return { instanceId: order.instanceId, actualStatus: facts?.actualStatus ?? null };
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
