import { type TokenPrice, worstCase } from '../domain/gateway-need.ts';
import type { InferenceBody } from './request-body.ts';
import type { Router } from './routing.ts';
import type { CallerKey, GatewayKeys, Lease, Metering, PriceOf } from './seams.ts';
import type { Route } from './target.ts';
import type { Usage } from './usage.ts';

export type ReservingDeps = {
  readonly keys: GatewayKeys;
  readonly router: Pick<Router, 'candidates'>;
  readonly priceOf: PriceOf;
  readonly metering: Metering | null;
};

/** Takes a request of a key on for the most that it may come to. Dollars are reckoned for a key with a budget alone. */
export function reserve(
  deps: ReservingDeps,
  key: CallerKey,
  { body, route }: { body: InferenceBody; route: Route },
): Lease | Promise<Lease> {
  const { fields, model, bytes } = body;
  const asked = fields.max_completion_tokens ?? fields.max_tokens ?? fields.max_output_tokens;
  const need = {
    bodyBytes: bytes.length,
    completionTokensAsked: typeof asked === 'number' && asked > 0 ? asked : null,
    choices: typeof fields.n === 'number' && fields.n > 0 ? fields.n : 1,
  };
  const { promptTokensAtMost, completionTokensAtMost } = worstCase({ ...need, price: null });
  return deps.keys.begin(key, {
    model,
    promptTokensAtMost,
    completionTokensAtMost,
    get usdAtMost() {
      return worstCase({ ...need, price: dearestPrice(deps, { model, route }) }).usdAtMost;
    },
  });
}

/** Of all that may answer: which of them does is not known yet. */
function dearestPrice(
  { router, priceOf, metering }: ReservingDeps,
  wanted: { model: string | null; route: Route },
): TokenPrice {
  const most = { usdPerMillionInput: 0, usdPerMillionOutput: 0 };
  for (const { target, model } of router.candidates(wanted)) {
    const { provider, session } = target;
    const shared = session === null ? 0 : (metering?.gpuUsd?.(session, MILLION) ?? 0);
    const usdOf = (usage: Usage) => priceOf(provider, model, usage) ?? shared;
    const input = usdOf({ promptTokens: MILLION, completionTokens: 0 });
    const output = usdOf({ promptTokens: 0, completionTokens: MILLION });
    most.usdPerMillionInput = Math.max(most.usdPerMillionInput, input);
    most.usdPerMillionOutput = Math.max(most.usdPerMillionOutput, output);
  }
  return most;
}

const MILLION = 1_000_000;
