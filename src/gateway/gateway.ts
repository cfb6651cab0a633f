import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Authority } from '../certificates.ts';
import type { Sessions } from '../client.ts';
import type { Config } from '../config.ts';
import type { Installation } from '../installation.ts';
import { type IsSignedIn, type KnownCaller, makeAdmission } from './admission.ts';
import { BREAKER_RULES } from './breaker.ts';
import { type ExchangeDeps, exchange } from './exchange.ts';
import { type Answered, Front } from './front.ts';
import { type AnthropicParts, configuredProviders } from './providers/configured.ts';
import { makeVastai } from './providers/vastai.ts';
import { Router } from './routing.ts';
import type { GatewayKeys, Metering, PriceOf, RequestTracer } from './seams.ts';
import { NOT_SWITCHED, Switchboard, type Switched } from './switchboard.ts';
import type { Deadlines } from './target.ts';
import { type ProviderView, viewOf } from './view.ts';
import { WaitingRoom, type Waker } from './waiting-room.ts';

export type GatewayDeps = {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly sessions: Pick<Sessions, 'serving' | 'markUnreachable'>;
  readonly installation: Pick<Installation, 'instanceKey'>;
  readonly isAdminToken: (given: string) => boolean;
  readonly authority: Pick<Authority, 'pinOf'>;
  readonly logger: Logger;
  readonly noteAnswered: (seen: Answered) => void;
  /** Left out: nobody is. */
  readonly isSignedIn?: IsSignedIn;
  readonly keys?: GatewayKeys;
  readonly metering?: Metering;
  readonly priceOf?: PriceOf;
  readonly anthropic?: AnthropicParts;
  readonly waker?: Waker;
  readonly tracer?: RequestTracer;
  readonly switched?: Switched;
  readonly saveSwitched?: (switched: Switched) => void;
  /** Left out: those of the settings. */
  readonly deadlines?: Partial<Deadlines>;
};

/** One stable URL, whoever answers behind it. */
export type Gateway = {
  readonly front: Front;
  admits(request: IncomingMessage): KnownCaller;
  models(): string[];
  /** Whether a request for this model could be answered now; also of one that is not listed. */
  serves(model: string): boolean;
  providers(): ProviderView[];
  /** Who gets a request for this model now; null: nobody. */
  providerNow(model: string | null): string | null;
  switched(): { readonly provider: string | null; readonly session: string | null };
  /** Asks `provider` before the others from now on (null: the configured order again). */
  switchTo(provider: string | null, session: string | null): SwitchAnswer;
  /** Takes no more on its fast way, and sends those home who wait for a GPU. */
  stop(): void;
  close(): Promise<void>;
};

export type SwitchAnswer =
  | { readonly kind: 'switched' }
  | { readonly kind: 'unknown-provider' | 'unconfigured'; readonly providers: readonly string[] }
  | { readonly kind: 'not-ready'; readonly sessions: readonly string[] };

export function openGateway(deps: GatewayDeps): Gateway {
  const { config, logger, sessions } = deps;
  const deadlines = { ...deadlinesOf(config), ...deps.deadlines };
  const breaker = { ...BREAKER_RULES, ...breakerOf(config) };
  const switchboard = new Switchboard(deps.switched ?? NOT_SWITCHED, deps.saveSwitched ?? (() => undefined));
  const vastai = makeVastai({ ...deps, switchboard, deadlines, breaker });
  const providers = configuredProviders({
    config,
    environment: deps.environment,
    deadlines,
    breaker,
    anthropic: deps.anthropic ?? null,
    vastai,
  });
  const router = new Router({
    providers: providers.filter(({ isConfigured }) => isConfigured),
    policy: config.GATEWAY_POLICY,
    switchboard,
    modelMap: config.GATEWAY_MODEL_MAP,
    modelFallback: config.GATEWAY_MODEL_FALLBACK,
  });
  const waitMs = config.GATEWAY_WAIT_SECONDS * 1_000;
  const waitingRoom = new WaitingRoom({ router, waker: deps.waker ?? null, waitMs });
  const exchangeDeps: ExchangeDeps = {
    router,
    waitingRoom,
    attemptsMax: config.GATEWAY_MAX_ATTEMPTS,
    logger,
    tracer: deps.tracer ?? null,
    keys: deps.keys ?? null,
    metering: deps.metering ?? null,
    priceOf:
      deps.priceOf ??
      (({ provider, model }, usage) =>
        providers.find(({ name }) => name === provider)?.usdOf(model, usage) ?? null),
  };
  const admits = makeAdmission(deps.isAdminToken, deps.keys ?? null, deps.isSignedIn ?? (() => false));
  const front = new Front({
    admits,
    exchange: (call) => exchange(exchangeDeps, call),
    concurrentMax: config.GATEWAY_MAX_CONCURRENT,
    noteAnswered: deps.noteAnswered,
  });
  return {
    front,
    admits,
    models: () => router.models(),
    serves: (model) => router.serves(model),
    providers: () => viewOf(providers, { router, nowMs: Date.now() }),
    providerNow: (model) => router.providerNow(model, Date.now()),
    switched: () => ({ provider: switchboard.provider, session: switchboard.session }),
    switchTo(name, session) {
      const provider = providers.find((each) => each.name === name);
      const configured = providers.filter((each) => each.isConfigured).map((each) => each.name);
      if (name !== null && provider === undefined) {
        return { kind: 'unknown-provider', providers: providers.map((each) => each.name) };
      }
      if (provider?.isConfigured === false) return { kind: 'unconfigured', providers: configured };
      const serving = sessions.serving();
      const chosen = serving.find((each) => each.session === session) ?? null;
      if (session !== null && chosen === null) {
        return { kind: 'not-ready', sessions: serving.map((each) => each.session) };
      }
      switchboard.switchTo(name, chosen);
      // Whoever switches there wants it asked.
      for (const target of provider?.targets() ?? []) target.breaker.reset();
      return { kind: 'switched' };
    },
    stop() {
      front.stop();
      waitingRoom.close();
    },
    close: async () => {
      waitingRoom.close();
      await Promise.all(providers.map((provider) => provider.close()));
    },
  };
}

function deadlinesOf(config: Config): Deadlines {
  return {
    connectMs: config.GATEWAY_CONNECT_SECONDS * 1_000,
    firstEventMs: config.GATEWAY_FIRST_EVENT_SECONDS * 1_000,
    headersMs: config.GATEWAY_FIRST_BYTE_SECONDS * 1_000,
    betweenChunksMs: config.GATEWAY_BETWEEN_CHUNKS_SECONDS * 1_000,
  };
}

function breakerOf(config: Config) {
  return {
    failuresInRow: config.GATEWAY_BREAKER_FAILURES,
    restMs: config.GATEWAY_BREAKER_OPEN_SECONDS * 1_000,
    restMsMax: Math.max(60, config.GATEWAY_BREAKER_OPEN_SECONDS) * 1_000,
  };
}
