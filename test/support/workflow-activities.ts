import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Activities } from '../../src/activities/index.ts';
import type { SuperviseOrder, SuperviseResult } from '../../src/activities/supervise-instance.ts';
import { failureOf } from '../../src/domain/failure.ts';
import {
  callOff,
  close,
  endAttempt,
  grant,
  type LedgerState,
  noteAnswered,
  numbersOf,
  reserve,
  spendGrant,
} from '../../src/domain/ledger.ts';
import { type Contract, notYet, type StandInMarket } from './workflow-market.ts';

export type Scene = {
  /** The market of the workflow that calls. */
  readonly market: (workflowId: string) => StandInMarket;
  /** The skipping clock, epoch ms. */
  readonly now: () => Promise<number>;
};

type Name = keyof Activities;
type Order<Of extends Name> = Parameters<Activities[Of]>[0];
type Answer<Of extends Name> = Awaited<ReturnType<Activities[Of]>>;

const DAY_MS = 86_400_000;
/**
 * How much later than its clock supervision comes back. At the very moment of the lifetime's timer this server
 * loses the activity that the workflow cancels.
 */
const LOOK_MS = 1_000;

/** Every activity that sessions and the reaper call, on a market that is only told of. Each call is noted first. */
export function standInActivities(scene: Scene): Partial<Activities> {
  const play =
    <Of extends Name>(
      name: Of,
      act: (market: StandInMarket, order: Order<Of>, nowMs: number) => Answer<Of>,
    ) =>
    async (order?: Order<Of>): Promise<Answer<Of>> => {
      const market = scene.market(activityInfo().workflowExecution?.workflowId ?? '');
      const nowMs = await scene.now();
      market.calls.push({ name, atMs: nowMs, order });
      const bug = market.bugs.get(name);
      if (bug !== undefined) throw bug();
      const answer = act(market, order as Order<Of>, nowMs);
      await market.gates.get(name);
      return answer;
    };

  return {
    reserveBudget: play('reserveBudget', (market, order, nowMs) =>
      keep(market, reserve(market.ledger, { ...order, nowMs })),
    ),
    grantAttempt: play('grantAttempt', (market, { key, attempt, machineId, usdPerHour }, nowMs) =>
      keep(market, grant(market.ledger, { key, attempt, machineId, usdPerHour, nowMs })),
    ),
    callOffAttempt: play('callOffAttempt', (market, ref) => keep(market, callOff(market.ledger, ref))),
    noteAnswered: play('noteAnswered', (market, note) => {
      market.ledger = noteAnswered(market.ledger, note);
    }),
    endAttempt: play('endAttempt', (market, end, nowMs) => {
      market.ledger = endAttempt(market.ledger, { ...end, nowMs });
    }),
    closeReservation: play('closeReservation', (market, end, nowMs) => {
      market.ledger = close(market.ledger, { ...end, nowMs });
      return numbersOf(market.ledger);
    }),
    archiveReceipt: play('archiveReceipt', () => {}),
    rememberMachines: play('rememberMachines', () => {}),
    auditBooks: () => Promise.reject(new Error('the audit is not on this stage')),
    readAccount: play('readAccount', (market) => market.account),
    searchOffers: play('searchOffers', (market, { blockedMachines }) => {
      const choices = market.offers.filter(({ machineId }) => !blockedMachines.includes(machineId));
      const offersSeen = market.offers.length;
      return choices.length > 0
        ? { kind: 'found', choices, offersSeen }
        : { kind: 'none', offersSeen, why: 'the market lists no offer' };
    }),
    planOffers: play('planOffers', () => ({
      kind: 'market-unreachable',
      message: 'Sessions do not ask for plans.',
    })),
    rentInstance: play('rentInstance', (market, order, nowMs) => {
      if (market.fateOf(order.offerId).create === 'not-sent') throw new Error('the worker died');
      const spent = keep(market, spendGrant(market.ledger, { ...order, nowMs: 0 }));
      if (spent.kind !== 'spent-now') throw new Error(`rented without a grant: ${spent.kind}`);
      return market.rent(order, nowMs);
    }),
    findByLabel: play('findByLabel', (market, { label }, nowMs) =>
      market
        .list(nowMs)
        .filter((contract) => contract.label === label)
        .map((contract) => market.facts(contract, nowMs)),
    ),
    awaitRunning: play('awaitRunning', (market, order, nowMs) => {
      const contract = market.find(order.instanceId, nowMs);
      if (contract === null) return { kind: 'failed', failure: failureOf('vanished'), facts: null };
      const { fate } = contract;
      const isSo = waitUntil(runsAtMs(contract), order.deadlineMs, nowMs);
      const facts = market.facts(contract, nowMs);
      if (!isSo) return { kind: 'failed', failure: failureOf('boot-timeout'), facts };
      if (fate.bootFailure !== null) return { kind: 'failed', failure: failureOf(fate.bootFailure), facts };
      return { kind: 'running', endpoint: `https://203.0.113.7:${contract.instanceId}`, facts };
    }),
    awaitModel: play('awaitModel', (market, order, nowMs) => {
      const contract = market.find(order.instanceId, nowMs);
      if (contract === null) return { kind: 'failed', failure: failureOf('vanished'), facts: null };
      const { fate } = contract;
      const isSo = waitUntil(
        runsAtMs(contract) + (fate.servedAfterMs ?? Number.POSITIVE_INFINITY),
        order.deadlineMs,
        nowMs,
      );
      const facts = market.facts(contract, nowMs);
      if (!isSo) return { kind: 'failed', failure: failureOf('vllm-timeout'), facts };
      if (fate.modelFailure !== null) return { kind: 'failed', failure: failureOf(fate.modelFailure), facts };
      return { kind: 'ready', atMs: nowMs, facts };
    }),
    superviseInstance: play('superviseInstance', supervise),
    awaitDrained: play('awaitDrained', () => ({ drained: true })),
    destroyInstance: play('destroyInstance', (market, { instanceId }, nowMs) => {
      const contract = market.find(instanceId, nowMs);
      const lastSeen = contract === null ? null : market.facts(contract, nowMs);
      const kind = market.delete(instanceId, nowMs);
      if (kind === 'refused')
        throw ApplicationFailure.create({ type: 'destroy-refused', message: 'refused' });
      return { kind, answeredAtMs: nowMs, lastSeen };
    }),
    confirmGone: play('confirmGone', (market, { label, instanceIds }, nowMs) => {
      const listed = market
        .list(nowMs)
        .filter((contract) => contract.label === label || instanceIds.includes(contract.instanceId));
      const byId = instanceIds.flatMap((instanceId) => market.find(instanceId, nowMs) ?? []);
      const present = [...new Set([...listed, ...byId])].map((contract) => market.facts(contract, nowMs));
      return { lookedAtMs: nowMs, isAbsent: present.length === 0, present };
    }),
    readCharges: play('readCharges', () => ({ usd: null, coversUntilMs: null })),
    postToWebhook: play('postToWebhook', () => ({ httpStatus: 200, attempt: 1 })),
    postToSlack: play('postToSlack', () => ({ httpStatus: 200, attempt: 1 })),
    surveyInstances: play('surveyInstances', (market, _order, nowMs) => ({
      ours: market.list(nowMs).map(({ instanceId, label, usdPerHour }) => ({
        instanceId,
        label,
        labelFromEnvironment: label,
        usdPerHour,
        actualStatus: 'running',
      })),
      expiredOfOthers: [],
      openReservations: market.openReservations.map((open) => ({ ...open, unansweredSinceMs: null })),
      stopped: [],
      suspectSinceMs: {},
    })),
    findIdleVolumes: play('findIdleVolumes', () => []),
    restoreLabel: play('restoreLabel', () => undefined),
    describeSessions: play('describeSessions', (market) => market.sessions),
    settleTerminated: play('settleTerminated', () => undefined),
  };
}

/** True once it is so; false at the deadline; until then it waits, as a retry. */
function waitUntil(atMs: number, deadlineMs: number, nowMs: number): boolean {
  const nextMs = Math.min(atMs, deadlineMs);
  if (nowMs < nextMs) throw notYet(nextMs - nowMs);
  return nowMs >= atMs;
}

function runsAtMs({ createdAtMs, fate }: Contract): number {
  return fate.runningAfterMs === null ? Number.POSITIVE_INFINITY : createdAtMs + fate.runningAfterMs;
}

/** Tells facts as the real one does: what happened, by whom it was last used, and when its slice is over. */
function supervise(market: StandInMarket, order: SuperviseOrder, nowMs: number): SuperviseResult {
  if (!market.isSupervised) throw notYet(DAY_MS);
  const contract = market.find(order.instanceId, nowMs);
  const usedAtMs = market.uses.filter((atMs) => atMs <= nowMs).at(-1) ?? 0;
  const lastUsedAtMs = Math.max(order.lastUsedAtMs, usedAtMs);
  const facts = contract === null ? null : market.facts(contract, nowMs);
  const health = { consecutiveFailures: 0, lastOkAtMs: nowMs };
  const said = { lastUsedAtMs, facts, health, failure: null };
  if (contract === null) return { ...said, kind: 'lost', failure: failureOf('vanished') };

  const event = market.nextEvent(contract, nowMs);
  if (event !== null && event.atMs <= nowMs)
    return happened(market, { contract, kind: event.kind, nowMs, said });
  const idleAtMs = Math.max(lastUsedAtMs + order.keepAliveMs, order.keptUntilMs);
  if (nowMs >= idleAtMs) return { ...said, kind: 'idle' };
  const breachNewsMs = order.breachNewsMs ?? Number.POSITIVE_INFINITY;
  if (idleAtMs > breachNewsMs) return { ...said, kind: 'breach-ahead' };
  const nextUseMs = market.uses.find((atMs) => atMs > nowMs) ?? Number.POSITIVE_INFINITY;
  const sliceOverAtMs = order.sliceEndsAtMs + LOOK_MS;
  if (nowMs >= sliceOverAtMs) return { ...said, kind: 'slice-over' };
  const nextMs = Math.min(idleAtMs, sliceOverAtMs, event?.atMs ?? Number.POSITIVE_INFINITY);
  throw notYet((Number.isFinite(breachNewsMs) ? Math.min(nextMs, nextUseMs) : nextMs) - nowMs);
}

function happened(
  market: StandInMarket,
  {
    contract,
    kind,
    nowMs,
    said,
  }: {
    contract: Contract;
    kind: 'lost' | 'stopped' | 'unhealthy' | { usdPerHour: number };
    nowMs: number;
    said: Omit<SuperviseResult, 'kind'>;
  },
): SuperviseResult {
  if (kind === 'unhealthy') return { ...said, kind, failure: failureOf('unhealthy') };
  if (kind === 'stopped') return { ...said, kind: 'lost', failure: failureOf('host-offline') };
  if (kind === 'lost') {
    market.vanish(contract, nowMs);
    return { ...said, kind: 'lost', facts: null, failure: failureOf('vanished') };
  }
  contract.usdPerHour = kind.usdPerHour;
  return { ...said, kind: 'price-changed', facts: market.facts(contract, nowMs) };
}

function keep<Said>(market: StandInMarket, step: { state: LedgerState; answer: Said }): Said {
  market.ledger = step.state;
  return step.answer;
}
