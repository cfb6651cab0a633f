import type { ProvidersAnswer } from '../../../admin/answers.ts';
import { usd, usdPerHour } from '../../format.ts';
import { sessions } from '../../live.ts';
import type { Answer } from './chat.ts';

/** Below one piece a second no rate means anything. */
const STREAMED_MS_MIN = 50;
const HOUR_MS = 3_600_000;
const MILLION = 1_000_000;
const USD_SHOWN_MIN = 0.0001;

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

/** Computed here: no answer says what it cost. */
function costOf(answer: Answer, providers: ProvidersAnswer | null): string[] {
  if (!answer.isDone) return [];
  return answer.session === null ? tokensCostOf(answer, providers) : gpuCostOf(answer, answer.session);
}

/** A GPU is paid by the hour, busy or not: an answer took its time, and has no price of its own. */
function gpuCostOf({ firstTokenMs, streamedMs }: Answer, session: string): string[] {
  const perHour = sessions.value.get(session)?.usd_per_hour ?? null;
  if (perHour === null || firstTokenMs === null) return [];
  const cost = ((firstTokenMs + streamedMs) / HOUR_MS) * perHour;
  return [`${roughly(cost)} of GPU time at ${usdPerHour(perHour)}`];
}

function tokensCostOf(
  { provider, promptTokens, completionTokens }: Answer,
  providers: ProvidersAnswer | null,
): string[] {
  const perMillion =
    providers?.items.find((one) => one.provider === provider)?.usd_per_million_tokens ?? null;
  if (perMillion === null || completionTokens === null) return [];
  const cost = (((promptTokens ?? 0) + completionTokens) * perMillion) / MILLION;
  return [`${roughly(cost)} at ${usd(perMillion)} per million tokens`];
}

function roughly(cost: number): string {
  return cost < USD_SHOWN_MIN ? `less than ${usd(USD_SHOWN_MIN)}` : `about ${usd(cost)}`;
}
