import type { BreakerRules } from '../breaker.ts';
import { openConnections } from '../connections.ts';
import type { Dialect } from '../dialect.ts';
import { type Deadlines, ROUTES, type Route, Target } from '../target.ts';
import type { Usage } from '../usage.ts';
import type { Provider } from './provider.ts';

export type EndpointOrder = {
  readonly name: string;
  /** With or without `/v1` at its end. */
  readonly url: string;
  readonly headers: readonly string[];
  /** What it is asked for where a request names no model. */
  readonly defaultModel: string;
  /** Other names that it serves. */
  readonly models?: readonly string[];
  /** Names that it serves without listing them. */
  readonly isItsModel?: (model: string) => boolean;
  readonly routes?: readonly Route[];
  readonly usdPerMillionTokens?: (model: string) => number | null;
  /** Left out: by the price above, whatever the tokens are. */
  readonly usdOf?: (model: string, usage: Usage) => number | null;
  readonly deadlines: Deadlines;
  readonly breaker: BreakerRules;
  readonly dialect?: Dialect;
  readonly redirectsMax?: number;
  readonly isVllm?: boolean;
};

const KEEP_ALIVE_MS = 20_000;

/** A provider that is one URL. */
export function makeEndpoint(order: EndpointOrder): Provider {
  const { origin, pathname } = new URL(order.url);
  const { name, defaultModel, deadlines, breaker, headers, routes = ROUTES } = order;
  const pool = openConnections({ origin, connectMs: deadlines.connectMs, keepAliveMs: KEEP_ALIVE_MS });
  const target = new Target({
    id: name,
    provider: name,
    session: null,
    dispatcher: pool,
    origin,
    basePath: basePathOf(pathname),
    headers,
    deadlines,
    breaker,
    dialect: order.dialect ?? null,
    redirectsMax: order.redirectsMax ?? 0,
    isVllm: order.isVllm ?? false,
  });
  const models = [...new Set([defaultModel, ...(order.models ?? [])])];
  const own = [{ target, model: defaultModel }];
  const byModel = new Map(models.map((model) => [model, [{ target, model }]]));
  return {
    name,
    isConfigured: true,
    usdPerMillionTokens: (model) => order.usdPerMillionTokens?.(model ?? defaultModel) ?? null,
    usdOf: order.usdOf ?? ((model, usage) => usdOfFlat(order.usdPerMillionTokens?.(model) ?? null, usage)),
    models: () => models,
    candidates(model, route) {
      if (!routes.includes(route)) return [];
      if (model === null) return own;
      return byModel.get(model) ?? (order.isItsModel?.(model) === true ? [{ target, model }] : []);
    },
    targets: () => [target],
    noteUnreachable: () => undefined,
    close: () => pool.destroy(),
  };
}

/** A provider whose settings are missing. */
export function unconfigured(name: string): Provider {
  return {
    name,
    isConfigured: false,
    usdPerMillionTokens: () => null,
    usdOf: () => null,
    models: () => [],
    candidates: () => [],
    targets: () => [],
    noteUnreachable: () => undefined,
    close: async () => undefined,
  };
}

function usdOfFlat(usdPerMillion: number | null, usage: Usage): number | null {
  return usdPerMillion === null
    ? null
    : ((usage.promptTokens + usage.completionTokens) * usdPerMillion) / 1_000_000;
}

function basePathOf(pathname: string): string {
  const path = pathname.replace(/\/+$/, '');
  return path.endsWith('/v1') ? path : `${path}/v1`;
}
