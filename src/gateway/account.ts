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

/** A token is hardly ever less than three bytes of a request, and four on average. */
const BYTES_OF_TOKEN_LEAST = 3;
const BYTES_OF_TOKEN = 4;
/** Where a request does not say how much may be generated. */
const COMPLETION_TOKENS_ASSUMED = 4_096;

/** Reserves for a request, at the dearest place it may come to. Throws or rejects with a `Refusal`. */
export function reserve(
  { router, keys, priceOf }: AccountDeps,
  { key, body, route }: { key: KeyHolder; body: InferenceBody; route: Route },
): Lease | Promise<Lease> | null {
  if (keys === null) return null;
  const usage = {
    promptTokens: Math.ceil(body.bytes.length / BYTES_OF_TOKEN_LEAST),
    completionTokens: completionTokensAtMost(body.fields),
  };
  const prices = router.everywhere({ model: body.model, route }).map(({ target, model }) =>
    // Of a GPU that is rented by the hour no token has a price beforehand.
    target.session === null ? (priceOf({ provider: target.provider, session: null, model }, usage) ?? 0) : 0,
  );
  return keys.begin(key, {
    model: body.model,
    promptTokensAtMost: usage.promptTokens,
    completionTokensAtMost: usage.completionTokens,
    usdAtMost: Math.max(0, ...prices),
  });
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
  else lease?.settle({ ...used, usd: usd ?? 0 });
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

function completionTokensAtMost(fields: Record<string, unknown>): number {
  const asked = fields.max_completion_tokens ?? fields.max_tokens ?? fields.max_output_tokens;
  const each = typeof asked === 'number' && asked > 0 ? Math.ceil(asked) : COMPLETION_TOKENS_ASSUMED;
  return each * (typeof fields.n === 'number' && fields.n > 1 ? Math.ceil(fields.n) : 1);
}
