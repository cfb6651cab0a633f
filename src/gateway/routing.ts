import type { Provider } from './providers/provider.ts';
import type { Switchboard } from './switchboard.ts';
import { type Candidate, ROUTES, type Route, type Target } from './target.ts';

export type Policy = 'priority' | 'cheapest';

/** What a request asks of the router. */
export type Wanted = { readonly model: string | null; readonly route: Route };

export type Choice =
  | { readonly kind: 'candidate'; readonly candidate: Candidate; readonly provider: Provider }
  /** Nobody serves such a model, though others are served. */
  | { readonly kind: 'unknown-model'; readonly models: readonly string[] }
  /** All that serve it were tried, or rest, or there are none now. */
  | { readonly kind: 'none'; readonly readyAtMs: number | null };

export type RouterOptions = {
  /** In the configured order. */
  readonly providers: readonly Provider[];
  readonly policy: Policy;
  readonly switchboard: Switchboard;
  /** What a model is called where: `default` for each provider's own, or names by provider. */
  readonly modelMap: Readonly<Record<string, 'default' | Readonly<Record<string, string>>>>;
  /** Whether a named model may be answered by another one where those that serve it cannot. */
  readonly modelFallback: boolean;
};

/**
 * Chooses where a request goes next.
 *
 * 1. Providers in their order; in one provider the target with the least under way.
 * 2. A target whose breaker is open is passed over while another one is left, and tried last: a breaker is
 *    there to prefer others, not to be the outage itself. What asked to be left alone is left alone.
 * 3. No target is chosen twice for one request.
 */
export class Router {
  readonly #options: RouterOptions;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  choose(wanted: Wanted, tried: readonly Target[], nowMs: number): Choice {
    let isKnown = false;
    let last: { candidate: Candidate; provider: Provider } | null = null;
    let readyAtMs: number | null = null;
    for (const provider of this.order(wanted.model)) {
      const candidates = this.#candidates(provider, wanted);
      isKnown ||= candidates.length > 0;
      let best: Candidate | null = null;
      for (const candidate of candidates) {
        const { target } = candidate;
        if (tried.length > 0 && tried.includes(target)) continue;
        const { breaker } = target;
        if (breaker.allows(nowMs)) {
          if (best === null || this.#isBetter(target, best.target)) best = candidate;
          continue;
        }
        readyAtMs = Math.min(readyAtMs ?? Number.POSITIVE_INFINITY, breaker.openUntilMs);
        if (!breaker.allowsLast(nowMs)) continue;
        if (last === null || breaker.openUntilMs < last.candidate.target.breaker.openUntilMs) {
          last = { candidate, provider };
        }
      }
      if (best !== null) return { kind: 'candidate', candidate: best, provider };
    }
    if (last !== null) return { kind: 'candidate', ...last };
    if (isKnown || wanted.model === null || tried.length > 0) return { kind: 'none', readyAtMs };
    const models = this.models();
    return models.length === 0 ? { kind: 'none', readyAtMs } : { kind: 'unknown-model', models };
  }

  /** Every place a request may come to, whether it rests or not. */
  everywhere(wanted: Wanted): Candidate[] {
    return this.#options.providers.flatMap((provider) => [...this.#candidates(provider, wanted)]);
  }

  /** Whether a request for this model could be answered now, by whatever call. */
  serves(model: string): boolean {
    return ROUTES.some((route) => this.everywhere({ model, route }).length > 0);
  }

  /** Providers as they are asked for this model. */
  order(model: string | null): readonly Provider[] {
    const { providers, policy, switchboard } = this.#options;
    const ordered = policy === 'cheapest' ? cheapestFirst(providers, model) : providers;
    const preferred = switchboard.provider;
    if (preferred === null || ordered[0]?.name === preferred) return ordered;
    return [...ordered].sort((a, b) => Number(b.name === preferred) - Number(a.name === preferred));
  }

  /** Every model served now, once, in the order of the providers. */
  models(): string[] {
    return [...new Set(this.#options.providers.flatMap((provider) => provider.models()))];
  }

  /** Who would get a request for this model now. */
  providerNow(model: string | null, nowMs: number): string | null {
    const choice = this.choose({ model, route: 'chat/completions' }, [], nowMs);
    return choice.kind === 'candidate' ? choice.provider.name : null;
  }

  #candidates(provider: Provider, { model, route }: Wanted): readonly Candidate[] {
    const own = provider.candidates(model, route);
    if (own.length > 0 || model === null) return own;
    const { modelMap, modelFallback } = this.#options;
    const mapped = Object.hasOwn(modelMap, model) ? modelMap[model] : undefined;
    if (mapped === 'default') return provider.candidates(null, route);
    const name = mapped?.[provider.name];
    if (name !== undefined) return provider.candidates(name === 'default' ? null : name, route);
    return modelFallback ? provider.candidates(null, route) : own;
  }

  #isBetter(one: Target, other: Target): boolean {
    const switched = this.#options.switchboard.session;
    if (switched !== null && other.session === switched) return false;
    if (switched !== null && one.session === switched) return true;
    return one.inFlight < other.inFlight;
  }
}

/** Those of unknown price come last, each group in the configured order. */
function cheapestFirst(providers: readonly Provider[], model: string | null): readonly Provider[] {
  const price = (provider: Provider) => provider.usdPerMillionTokens(model) ?? Number.MAX_VALUE;
  return [...providers].sort((a, b) => price(a) - price(b));
}
