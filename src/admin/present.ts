import type { Budget, SessionSummary } from '../client.ts';
import type { Config } from '../config.ts';
import type {
  AttemptView,
  BudgetNumbers,
  Receipt,
  ReceiptInstance,
  SessionRequest,
  SessionView,
  Usd,
} from '../domain/session.ts';
import type { Tier } from '../domain/tier.ts';
import type {
  AttemptAnswer,
  BudgetAnswer,
  ReceiptAnswer,
  SessionSummaryAnswer,
  StatusAnswer,
} from './answers.ts';
import type { LaunchBody } from './schema.ts';

const MINUTE_MS = 60_000;
const GIB_MIB = 1_024;

/** What is asked of a session, every default of this installation filled in. */
export function toSessionRequest(body: LaunchBody, config: Config, tiers: readonly Tier[]): SessionRequest {
  // A lifetime shorter than the default keep-alive is no mistake of the caller's: it caps the default.
  const keepAliveMinutes =
    body.keep_alive_minutes ?? Math.min(config.VASTAI_DEFAULT_KEEP_ALIVE_MINUTES, body.max_lifetime_minutes);
  return {
    model: body.model ?? config.LEASH_MODEL,
    keepAliveMs: Math.round(keepAliveMinutes * MINUTE_MS),
    autoSwitch: body.auto_switch,
    budgetUsd: body.budget_usd ?? config.VASTAI_SESSION_BUDGET_LIMIT,
    lifetimeMs: Math.round(body.max_lifetime_minutes * MINUTE_MS),
    hedge: body.hedge,
    replace: body.replace,
    tiers: body.tiers?.map(toTier) ?? tiers,
    gpuCount: body.num_gpus,
    gpuRamMibMin: body.gpu_ram_gib === undefined ? null : body.gpu_ram_gib * GIB_MIB,
    diskGb: body.disk_gb ?? null,
    image: body.image ?? config.LEASH_IMAGE,
    vllmArgs: body.vllm_args,
    interruptible: body.interruptible,
    bidUsdPerHourMax: body.max_bid_usd_per_hour ?? null,
    usdPerHourMax: body.max_usd_per_hour ?? null,
    countries: toCountries(body.countries),
    notCountries: toCountries(body.not_countries),
    datacenterOnly: body.datacenter_only,
    verifiedOnly: body.verified_only,
    reliabilityMin: body.min_reliability,
    machines: [...new Set(body.machines)],
    notMachines: [...new Set(body.not_machines)],
  };
}

/**
 * The status of a session; `isServing`: whether the gateway sends traffic to it now, `elsewhere`: who gets
 * the traffic where it does not.
 */
export function presentStatus(
  view: SessionView,
  { isServing, elsewhere = null }: { isServing: boolean; elsewhere?: string | null },
): StatusAnswer {
  return {
    session: view.session,
    state: view.state,
    status: view.state.toLowerCase(),
    detail: view.detail,
    provider: isServing && view.state === 'READY' ? 'vastai' : elsewhere,
    endpoint: view.endpoint,
    model: view.model,
    gpu: view.gpu,
    instance_id: view.instanceId,
    machine_id: view.machineId,
    usd_per_hour: view.usdPerHour === null ? null : dollars(view.usdPerHour),
    accepted: view.accepted,
    started_at: time(view.startedAtMs),
    ready_at: time(view.readyAtMs),
    keep_alive_until: time(view.keepAliveUntilMs),
    last_used_at: time(view.lastUsedAtMs),
    lifetime_until: time(view.lifetimeUntilMs),
    budget: {
      ...presentNumbers(view.budget),
      projected_breach_at: time(view.budget.projectedBreachAtMs),
    },
    health: {
      consecutive_failures: view.health.consecutiveFailures,
      last_ok_at: time(view.health.lastOkAtMs),
    },
    attempts: view.attempts.map(presentAttempt),
    outcome: view.outcome,
    reason: view.reason,
    unconfirmed_for_seconds: view.unconfirmedForMs === null ? null : seconds(view.unconfirmedForMs),
    receipt: view.receipt === null ? null : presentReceipt(view.receipt),
  };
}

export function presentReceipt(receipt: Receipt): ReceiptAnswer {
  return {
    session: receipt.session,
    run: receipt.run,
    outcome: receipt.outcome,
    reason: receipt.reason,
    started_at: instant(receipt.startedAtMs),
    ready_at: time(receipt.readyAtMs),
    ended_at: instant(receipt.endedAtMs),
    final: receipt.final,
    usd: presentUsd(receipt.usd),
    forecast_usd: receipt.forecastUsd === null ? null : dollars(receipt.forecastUsd),
    provider_usd: receipt.providerUsd === null ? null : dollars(receipt.providerUsd),
    attempts: receipt.attempts.map(presentAttempt),
    instances: receipt.instances.map(presentInstance),
  };
}

export function presentAttempt(attempt: AttemptView): AttemptAnswer {
  return {
    attempt: attempt.attempt,
    label: attempt.label,
    tier: attempt.tier,
    offer_id: attempt.offerId,
    machine_id: attempt.machineId,
    gpu: attempt.gpu,
    usd_per_hour: dollars(attempt.usdPerHour),
    phase: attempt.phase,
    started_at: instant(attempt.startedAtMs),
    ended_at: time(attempt.endedAtMs),
    failure: attempt.failure === null ? null : { ...attempt.failure },
    instance_id: attempt.instanceId,
    usd: dollars(attempt.usd),
    created_at: time(attempt.createdAtMs ?? null),
    running_at: time(attempt.runningAtMs ?? null),
    ready_at: time(attempt.readyAtMs ?? null),
    expected_running_seconds: maybeSeconds(attempt.runningMsExpected),
    expected_ready_seconds: maybeSeconds(attempt.readyMsExpected),
  };
}

export function presentSummary(summary: SessionSummary): SessionSummaryAnswer {
  return {
    session: summary.session,
    run: summary.run,
    state: summary.state,
    status: summary.state.toLowerCase(),
    outcome: summary.outcome,
    gpu: summary.gpu,
    instance_id: summary.instanceId === null ? null : Number(summary.instanceId),
    usd_per_hour: summary.usdPerHour === null ? null : dollars(summary.usdPerHour),
    model: summary.model ?? null,
    budget_usd: summary.budgetUsd ?? null,
    spent_usd: summary.spentUsd == null ? null : dollars(summary.spentUsd),
    started_at: instant(summary.startedAtMs),
    ended_at: time(summary.endedAtMs),
  };
}

export function presentBudget(budget: Budget): BudgetAnswer {
  return {
    ...presentNumbers(budget),
    period: budget.period,
    period_ends_at: time(budget.periodEndMs),
    free_usd: dollars(budget.freeUsd),
    alerts: budget.alerts.map(({ percent, atMs }) => ({
      percent,
      at: instant(atMs),
      detail: `${percent} % of the budget of $${dollars(budget.limitUsd)} was reached.`,
    })),
    projected_breach_at: time(budget.projectedBreachAtMs),
  };
}

function presentInstance(instance: ReceiptInstance): ReceiptAnswer['instances'][number] {
  return {
    instance_id: instance.instanceId,
    label: instance.label,
    created_at: time(instance.createdAtMs),
    running_at: time(instance.runningAtMs),
    destroy_sent_at: time(instance.destroySentAtMs),
    gone_at: time(instance.goneAtMs),
    seen_absent: instance.seenAbsent.map(({ atMs, by }) => ({ at: instant(atMs), by })),
    usd: presentUsd(instance.usd),
  };
}

function presentNumbers(numbers: BudgetNumbers) {
  return {
    limit_usd: dollars(numbers.limitUsd),
    spent_usd: dollars(numbers.spentUsd),
    reserved_usd: dollars(numbers.reservedUsd),
  };
}

function presentUsd(usd: Usd) {
  return {
    gpu: dollars(usd.gpu),
    storage: dollars(usd.storage),
    bandwidth: dollars(usd.bandwidth),
    total: dollars(usd.total),
  };
}

export function toTier(tier: NonNullable<LaunchBody['tiers']>[number]): Tier {
  return {
    name: tier.name,
    gpuNames: tier.gpu_names,
    vramGb: tier.vram_gb,
    usdPerHourMax: tier.usd_per_hour_max,
    priority: tier.priority,
    useCase: tier.use_case,
  };
}

function toCountries(codes: readonly string[]): string[] {
  return [...new Set(codes.map((code) => code.toUpperCase()))];
}

export function dollars(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}

export function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}

function maybeSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : seconds(ms);
}

export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

export function time(ms: number | null): string | null {
  return ms === null ? null : instant(ms);
}
