import type { Config } from '../../config.ts';
import { ANTHROPIC_VERSION } from '../anthropic/wire.ts';
import type { BreakerRules } from '../breaker.ts';
import type { Dialect } from '../dialect.ts';
import type { Deadlines } from '../target.ts';
import type { Usage } from '../usage.ts';
import { makeEndpoint, unconfigured } from './endpoint.ts';
import type { Provider } from './provider.ts';

export type ConfiguredDeps = {
  readonly config: Config;
  /** For keys that settings name. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly deadlines: Deadlines;
  readonly breaker: BreakerRules;
  /** The Messages API and its prices; without it Anthropic is not asked. */
  readonly anthropic: AnthropicParts | null;
  readonly vastai: Provider;
};

export type AnthropicParts = {
  readonly dialect: Dialect;
  usdPerMillionTokens(model: string): number | null;
  usdOf(model: string, usage: Usage): number | null;
};

/** While its container starts, Modal sends on to where the answer will be, again and again. */
const REDIRECTS_MAX = 20;

/** Every provider the settings speak of, in the order they say. */
export function configuredProviders(deps: ConfiguredDeps): Provider[] {
  const further = deps.config.GATEWAY_PROVIDERS.map((each) => furtherOf(deps, each));
  const all = [modalOf(deps), deps.vastai, anthropicOf(deps), ...further];
  const order = deps.config.GATEWAY_ORDER;
  const rank = ({ name }: Provider) => {
    const at = order.indexOf(name);
    return at === -1 ? order.length + all.findIndex((each) => each.name === name) : at;
  };
  return all.sort((a, b) => rank(a) - rank(b));
}

function modalOf({ config, deadlines, breaker }: ConfiguredDeps): Provider {
  const { MODAL_WEB_URL: url, MODAL_TOKEN_ID: id, MODAL_TOKEN_SECRET: secret } = config;
  if (url === undefined) return unconfigured('modal');
  const coldStartMs = config.GATEWAY_COLD_START_SECONDS * 1_000;
  return makeEndpoint({
    name: 'modal',
    url,
    headers: id === undefined || secret === undefined ? [] : ['modal-key', id, 'modal-secret', secret],
    defaultModel: config.MODAL_MODEL ?? config.LEASH_MODEL,
    deadlines: {
      ...deadlines,
      firstEventMs: Math.max(coldStartMs, deadlines.firstEventMs),
      headersMs: Math.max(coldStartMs, deadlines.headersMs),
    },
    breaker,
    redirectsMax: REDIRECTS_MAX,
    isVllm: true,
  });
}

function anthropicOf({ config, deadlines, breaker, anthropic }: ConfiguredDeps): Provider {
  const key = config.ANTHROPIC_API_KEY;
  if (key === undefined || anthropic === null) return unconfigured('anthropic');
  return makeEndpoint({
    name: 'anthropic',
    url: config.ANTHROPIC_BASE_URL,
    headers: ['x-api-key', key, 'anthropic-version', ANTHROPIC_VERSION],
    defaultModel: config.ANTHROPIC_MODEL,
    isItsModel: (model) => model.startsWith('claude-'),
    routes: ['chat/completions', 'completions'],
    usdPerMillionTokens: (model) => anthropic.usdPerMillionTokens(model),
    usdOf: (model, usage) => anthropic.usdOf(model, usage),
    deadlines,
    breaker,
    dialect: anthropic.dialect,
  });
}

function furtherOf(
  { environment, deadlines, breaker }: ConfiguredDeps,
  each: Config['GATEWAY_PROVIDERS'][number],
): Provider {
  const key = each.api_key_env === undefined ? undefined : environment[each.api_key_env]?.trim();
  if (each.api_key_env !== undefined && !key) {
    throw new Error(`GATEWAY_PROVIDERS: ${each.api_key_env}, the key of ${each.name}, is not set.`);
  }
  const [defaultModel] = each.models;
  return makeEndpoint({
    name: each.name,
    url: each.url,
    headers: key === undefined ? [] : ['authorization', `Bearer ${key}`],
    defaultModel: defaultModel ?? '',
    models: each.models,
    usdPerMillionTokens: () => each.usd_per_million_tokens ?? null,
    deadlines,
    breaker,
  });
}
