import { type TokenPrice, worstCase } from '../domain/gateway-need.ts';
import type { InferenceBody } from './request-body.ts';
import type { Router } from './routing.ts';
import type { GatewayKeys, KeyHolder, Lease, Metering, PriceOf } from './seams.ts';
import type { Candidate, Route } from './target.ts';
import type { Usage } from './usage.ts';

export type AccountDeps = {
  readonly router: Router;
  readonly keys: GatewayKeys | null;
  readonly metering: Metering | null;
  readonly priceOf: PriceOf;
};

/** What came of a request, for whoever counts. */
export type Came = {
  readonly candidate: Candidate | null;
  readonly model: string | null;
  readonly key: KeyHolder | null;
  readonly status: number;
  readonly seconds: number;
  readonly firstByteSeconds: number | null;
  readonly attempts: number;
  /** What the provider counted; null where it told nothing. */
  readonly told: Usage | null;
  /** Where it told nothing: by what was sent and what came. */
  readonly guessed: Usage;
  /** Whether the answer came to its end. */
  readonly isWhole: boolean;
};

/** Of text, on average. */
const BYTES_OF_TOKEN = 4;
const MILLION = 1_000_000;

/** Reserves for a request, at the dearest place it may come to. Throws or rejects with a `Refusal`. */
export function reserve(
  deps: AccountDeps,
  { key, body, route }: { key: KeyHolder; body: InferenceBody; route: Route },
): Lease | Promise<Lease> | null {
  const { keys } = deps;
  if (keys === null) return null;
  const need = { bodyBytes: body.bytes.length, ...answerAtMost(body.fields) };
  const { promptTokensAtMost, completionTokensAtMost } = worstCase({ ...need, price: null });
  return keys.begin(key, {
    model: body.model,
    promptTokensAtMost,
    completionTokensAtMost,
    // For a key with a budget alone.
    get usdAtMost() {
      return worstCase({ ...need, price: dearestPrice(deps, { model: body.model, route }) }).usdAtMost;
    },
  });
}

/** Of all that may answer: which of them does is not known yet. */
function dearestPrice(
  { router, priceOf, metering }: AccountDeps,
  wanted: { model: string | null; route: Route },
): TokenPrice {
  const prices = router.everywhere(wanted).map(({ target: { provider, session }, model }) => {
    const shared = session === null ? null : (metering?.gpuUsd?.(session, MILLION) ?? null);
    const usdOf = (usage: Usage) => priceOf({ provider, session, model }, usage) ?? shared ?? 0;
    return {
      input: usdOf({ promptTokens: MILLION, completionTokens: 0 }),
      output: usdOf({ promptTokens: 0, completionTokens: MILLION }),
    };
  });
  return {
    usdPerMillionInput: Math.max(0, ...prices.map(({ input }) => input)),
    usdPerMillionOutput: Math.max(0, ...prices.map(({ output }) => output)),
  };
}

/** Settles what was reserved, and tells whoever meters. */
export function account({ metering, priceOf }: AccountDeps, lease: Lease | null, came: Came): void {
  if (lease === null && metering === null) return;
  const { candidate, told, guessed, status, key } = came;
  const isFree = candidate === null || came.attempts === 0 || (status >= 400 && status !== 499);
  const used = told ?? (isFree ? NOTHING_USED : guessed);
  const at = {
    provider: candidate?.target.provider ?? 'none',
    session: candidate?.target.session ?? null,
    model: candidate?.model ?? came.model ?? '',
  };
  const usd = isFree && told === null ? 0 : priceOf(at, used);
  // Who leaves before the end would else use for nothing.
  if (told === null && !isFree && !came.isWhole) lease?.settle(null);
  else lease?.settle({ ...used, usd: usd ?? sharedUsd(metering, at.session, used) });
  metering?.note({
    ...at,
    keyId: key?.id ?? null,
    status,
    seconds: came.seconds,
    firstByteSeconds: came.firstByteSeconds,
    promptTokens: used.promptTokens,
    completionTokens: used.completionTokens,
    usd,
    attempts: came.attempts,
  });
}

const NOTHING_USED: Usage = { promptTokens: 0, completionTokens: 0 };

/** What was sent and what came, in tokens, where the provider does not tell. */
export function guessUsage(body: InferenceBody | null, events: number): Usage {
  return {
    promptTokens: Math.ceil((body?.bytes.length ?? 0) / BYTES_OF_TOKEN),
    completionTokens: events,
  };
}

/** What of a request says how much may be generated. */
function answerAtMost(fields: Record<string, unknown>): {
  completionTokensAsked: number | null;
  choices: number;
} {
  const asked = fields.max_completion_tokens ?? fields.max_tokens ?? fields.max_output_tokens;
  return {
    completionTokensAsked: typeof asked === 'number' && asked > 0 ? Math.ceil(asked) : null,
    choices: typeof fields.n === 'number' && fields.n > 1 ? Math.ceil(fields.n) : 1,
  };
}

/** Of a rented GPU no token has a price, but a share in that of its time. */
function sharedUsd(metering: Metering | null, session: string | null, used: Usage): number {
  if (session === null) return 0;
  return metering?.gpuUsd?.(session, used.promptTokens + used.completionTokens) ?? 0;
}
