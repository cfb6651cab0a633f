import { isRecord } from './parts.ts';
import type { Route } from './wire.ts';

/** What an answer used, of which Anthropic bills cached tokens at prices of their own. */
export type Usage = {
  /** All that was read, cached or not. */
  readonly promptTokens: number;
  /** Thinking included. */
  readonly completionTokens: number;
  /** Of the prompt: read from the cache. */
  readonly cacheReadTokens: number;
  /** Of the prompt: written to the cache. */
  readonly cacheWriteTokens: number;
  /** Of the completion; null where it is not told. */
  readonly thinkingTokens: number | null;
};

export type AnswerOptions = {
  readonly model: string;
  readonly createdSec: number;
  /** Anthropic's own when absent. */
  readonly id?: string;
  /** Chat completions when absent. */
  readonly route?: Route;
};

/** An answer of the Messages API as OpenAI's. Throws a TypeError for what is none. */
export function chatCompletion(message: unknown, options: AnswerOptions): Record<string, unknown> {
  if (!isRecord(message) || message.type !== 'message' || !Array.isArray(message.content)) {
    throw new TypeError('This is no answer of the Messages API.');
  }
  const { route = 'chat/completions' } = options;
  const finishReason = finishReasonOf(message.stop_reason);
  const blocks = message.content.filter(isRecord);
  const choice =
    route === 'completions'
      ? { index: 0, text: textIn(blocks) ?? '', logprobs: null, finish_reason: finishReason }
      : {
          index: 0,
          message: { ...messageOf(blocks), refusal: refusalOf(message) },
          logprobs: null,
          finish_reason: finishReason,
        };
  return {
    id: options.id ?? idOf(message.id, route),
    object: route === 'completions' ? 'text_completion' : 'chat.completion',
    created: options.createdSec,
    model: options.model,
    choices: [choice],
    usage: openAiUsage(usageOf(message.usage)),
  };
}

/** What a message, or the events of one, say was used. */
export function usageOf(usage: unknown): Usage {
  const told = isRecord(usage) ? usage : {};
  const details = isRecord(told.output_tokens_details) ? told.output_tokens_details : {};
  const cacheReadTokens = count(told.cache_read_input_tokens);
  const cacheWriteTokens = count(told.cache_creation_input_tokens);
  return {
    promptTokens: count(told.input_tokens) + cacheReadTokens + cacheWriteTokens,
    completionTokens: count(told.output_tokens),
    cacheReadTokens,
    cacheWriteTokens,
    thinkingTokens: typeof details.thinking_tokens === 'number' ? details.thinking_tokens : null,
  };
}

export function openAiUsage(usage: Usage): Record<string, unknown> {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cacheReadTokens },
    ...(usage.thinkingTokens !== null && {
      completion_tokens_details: { reasoning_tokens: usage.thinkingTokens },
    }),
  };
}

export function finishReasonOf(stopReason: unknown): string {
  switch (stopReason) {
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length';
    case 'tool_use':
      return 'tool_calls';
    case 'refusal':
      return 'content_filter';
    default:
      // end_turn and stop_sequence; pause_turn comes with tools of the server only, which are never asked for.
      return 'stop';
  }
}

/** Why a model declined, where it says so. */
export function refusalOf({
  stop_reason: reason,
  stop_details: details,
}: Record<string, unknown>): string | null {
  if (reason !== 'refusal') return null;
  const told = isRecord(details) ? details.explanation : null;
  return typeof told === 'string' ? told : null;
}

export function idOf(id: unknown, route: Route): string {
  return `${route === 'completions' ? 'cmpl' : 'chatcmpl'}-${typeof id === 'string' ? id : 'anthropic'}`;
}

/** What stands for thinking that comes encrypted. */
export const REDACTED = '[redacted]';

function messageOf(blocks: Record<string, unknown>[]): Record<string, unknown> {
  const calls = blocks.filter(({ type }) => type === 'tool_use');
  const text = textIn(blocks);
  const thinking = thinkingIn(blocks);
  return {
    role: 'assistant',
    content: text ?? (calls.length > 0 ? null : ''),
    ...(thinking !== '' && { reasoning_content: thinking }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => ({
        id,
        type: 'function',
        function: { name, arguments: JSON.stringify(input ?? {}) },
      })),
    }),
  };
}

function textIn(blocks: Record<string, unknown>[]): string | null {
  const texts = blocks.flatMap(({ type, text }) =>
    type === 'text' && typeof text === 'string' ? [text] : [],
  );
  return texts.length > 0 ? texts.join('') : null;
}

function thinkingIn(blocks: Record<string, unknown>[]): string {
  return blocks
    .map(({ type, thinking }) => {
      if (type === 'redacted_thinking') return REDACTED;
      return type === 'thinking' && typeof thinking === 'string' ? thinking : '';
    })
    .join('');
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
