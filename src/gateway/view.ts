import type { BreakerState } from './breaker.ts';
import type { Provider } from './providers/provider.ts';
import type { Router } from './routing.ts';
import type { Target } from './target.ts';

/** A provider as people see it. */
export type ProviderView = {
  readonly provider: string;
  readonly isConfigured: boolean;
  /** Whether a request could be answered there now. */
  readonly isHealthy: boolean;
  /** Whether a request without a model goes there now. */
  readonly isFirst: boolean;
  readonly models: readonly string[];
  readonly usdPerMillionTokens: number | null;
  /** To the first byte, of the newest answers of all its targets. */
  readonly firstByteMs: Latencies;
  readonly targets: readonly TargetView[];
};

type Latencies = { readonly p50: number | null; readonly p95: number | null; readonly of: number };

export type TargetView = {
  readonly target: string;
  readonly session: string | null;
  readonly breaker: BreakerState;
  readonly inFlight: number;
  readonly requests: number;
  readonly firstByteMs: Latencies;
  readonly lastError: { readonly atMs: number; readonly kind: string; readonly message: string } | null;
};

export function viewOf(
  providers: readonly Provider[],
  { router, nowMs }: { router: Router; nowMs: number },
): ProviderView[] {
  const first = router.providerNow(null, nowMs);
  return providers.map((provider) => {
    const targets = provider.targets();
    return {
      provider: provider.name,
      isConfigured: provider.isConfigured,
      isHealthy: targets.some((target) => target.state(nowMs) !== 'open'),
      isFirst: provider.name === first,
      models: provider.models(),
      usdPerMillionTokens: provider.usdPerMillionTokens(null),
      firstByteMs: quantiles(targets.flatMap((target) => target.latencies())),
      targets: targets.map((target) => viewOfTarget(target, nowMs)),
    };
  });
}

function viewOfTarget(target: Target, nowMs: number): TargetView {
  return {
    target: target.id,
    session: target.session,
    breaker: target.state(nowMs),
    inFlight: target.inFlight,
    requests: target.requests,
    firstByteMs: quantiles(target.latencies()),
    lastError: target.lastError,
  };
}

function quantiles(latenciesMs: readonly number[]): Latencies {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), of: sorted.length };
}

function quantile(sorted: readonly number[], share: number): number | null {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? null : Math.round(value * 10) / 10;
}
