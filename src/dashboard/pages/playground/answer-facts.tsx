import type { ProvidersAnswer } from '../../../admin/answers.ts';
import { usd } from '../../format.ts';
import type { Answer } from './chat.ts';

/** Below one piece a second no rate means anything. */
const STREAMED_MS_MIN = 50;

/** Who answered, how fast, and what it came to. */
export function AnswerFacts({ answer, providers }: { answer: Answer; providers: ProvidersAnswer | null }) {
  const { provider, session, attempts, firstTokenMs, promptTokens, completionTokens } = answer;
  const facts = [
    ...(provider === null
      ? []
      : [session === null ? `by ${provider}` : `by ${provider}, session ${session}`]),
    ...(attempts !== null && attempts > 1 ? [`${attempts} attempts`] : []),
    ...(firstTokenMs === null ? [] : [`first token after ${Math.round(firstTokenMs)} ms`]),
    ...rateOf(answer),
    ...(completionTokens === null ? [] : [`${promptTokens ?? 0} + ${completionTokens} tokens`]),
    ...costOf(answer, providers),
  ];
  return <p class="quiet small num">{facts.join(' · ')}</p>;
}

function rateOf({ streamedMs, pieces, completionTokens, isDone }: Answer): string[] {
  if (streamedMs < STREAMED_MS_MIN) return [];
  const tokens = isDone && completionTokens !== null ? completionTokens : pieces;
  return [`${(((tokens - 1) * 1_000) / streamedMs).toFixed(1)} tokens/s`];
}

/** By what the provider's tokens cost lately: a GPU is paid by the hour, so a single answer has no price of its own. */
function costOf(
  { provider, promptTokens, completionTokens }: Answer,
  providers: ProvidersAnswer | null,
): string[] {
  const perMillion =
    providers?.items.find((one) => one.provider === provider)?.usd_per_million_tokens ?? null;
  if (perMillion === null || completionTokens === null) return [];
  const cost = (((promptTokens ?? 0) + completionTokens) * perMillion) / 1e6;
  return [cost < 0.0001 ? 'less than $0.0001' : `about ${usd(cost)}`];
}
