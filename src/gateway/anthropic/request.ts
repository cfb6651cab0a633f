import { createHash } from 'node:crypto';
import { badRequest } from '../errors.ts';
import { type Effort, type ModelRules, rulesOf } from './model-rules.ts';
import { isRecord } from './parts.ts';
import { structuredSchema } from './structured-schema.ts';
import { toolFields } from './tools.ts';
import { conversationOf } from './turns.ts';
import { refuseInexpressible } from './unsupported.ts';
import type { Route } from './wire.ts';

export type MessagesRequest = {
  readonly body: Record<string, unknown>;
  readonly isStream: boolean;
  readonly includeUsage: boolean;
};

/**
 * A request of OpenAI's as the Messages API takes it. Only what is listed here is sent: the API refuses a field
 * that it does not know. Throws a `Refusal` (400, with `param`) for what it cannot express.
 */
export function messagesRequest(
  route: Route,
  body: Record<string, unknown>,
  { model, maxTokensDefault }: { readonly model: string; readonly maxTokensDefault: number },
): MessagesRequest {
  refuseInexpressible(body);
  const rules = rulesOf(model);
  const { system, turns } = conversationOf(
    route === 'completions' ? promptAsMessages(body.prompt) : body.messages,
  );
  const format = formatOf(body.response_format, rules);
  const told = [system, format.instruction].filter((text) => text !== '').join('\n\n');
  const isStream = flagOf(body, 'stream');
  const thinking = thinkingFields(body.reasoning_effort, rules, format.output);
  return {
    body: {
      model,
      max_tokens: maxTokensOf(body, { rules, maxTokensDefault }),
      messages: turns,
      ...(told !== '' && { system: told }),
      ...(route === 'chat/completions' && toolFields(body, rules, turns)),
      ...stopFields(body.stop),
      ...samplingFields(body, thinking.thinking?.type === 'adaptive' ? 'none' : rules.sampling),
      ...thinking,
      ...userFields(body),
      ...(isStream && { stream: true }),
    },
    isStream,
    includeUsage: isStream && isRecord(body.stream_options) && body.stream_options.include_usage === true,
  };
}

function promptAsMessages(prompt: unknown): unknown {
  const text = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  if (typeof text !== 'string') {
    throw badRequest(
      '`prompt` must be one string: a Claude model reads no token ids, and one prompt at a time.',
      'prompt',
    );
  }
  if (text.trim() === '') throw badRequest('`prompt` is blank.', 'prompt');
  return [{ role: 'user', content: text }];
}

function flagOf(body: Record<string, unknown>, field: string): boolean {
  const value = body[field] ?? false;
  if (typeof value !== 'boolean') throw badRequest(`\`${field}\` must be true or false.`, field);
  return value;
}

/** “At most so many” still holds when a model's own limit is lower. */
function maxTokensOf(
  body: Record<string, unknown>,
  { rules, maxTokensDefault }: { rules: ModelRules; maxTokensDefault: number },
): number {
  const field = (body.max_completion_tokens ?? null) === null ? 'max_tokens' : 'max_completion_tokens';
  const tokens = body[field] ?? maxTokensDefault;
  if (typeof tokens !== 'number' || !Number.isInteger(tokens) || tokens < 1) {
    throw badRequest(`\`${field}\` must be a whole number of at least 1.`, field);
  }
  return rules.tokensMax === null ? tokens : Math.min(tokens, rules.tokensMax);
}

/** A blank one is refused: the API takes none, and left out it would let the answer run on past its end. */
function stopFields(stop: unknown): { stop_sequences?: string[] } {
  if (stop === undefined || stop === null) return {};
  const sequences: unknown[] = Array.isArray(stop) ? stop : [stop];
  const given = sequences.filter((sequence) => {
    if (typeof sequence !== 'string')
      throw badRequest('`stop` must be a string or a list of strings.', 'stop');
    if (sequence !== '' && sequence.trim() === '') {
      throw badRequest('A Claude model cannot stop at a sequence of nothing but white space.', 'stop');
    }
    return sequence !== '';
  });
  return given.length > 0 ? { stop_sequences: given as string[] } : {};
}

/**
 * OpenAI's temperature goes to 2, Anthropic's to 1. Where only one of the two is taken, temperature is it; a model
 * that thinks takes neither.
 */
function samplingFields(
  body: Record<string, unknown>,
  sampling: ModelRules['sampling'],
): { temperature?: number; top_p?: number } {
  const temperature = numberOf(body, 'temperature', 2);
  const topP = numberOf(body, 'top_p', 1);
  if (sampling === 'none') return {};
  const isTopPSent = topP !== null && (temperature === null || sampling === 'both');
  return {
    ...(temperature !== null && { temperature: Math.min(temperature, 1) }),
    ...(isTopPSent && { top_p: topP }),
  };
}

function numberOf(body: Record<string, unknown>, field: string, max: number): number | null {
  const value = body[field] ?? null;
  if (value === null) return null;
  if (typeof value !== 'number' || !(value >= 0 && value <= max)) {
    throw badRequest(`\`${field}\` must be a number from 0 to ${max}.`, field);
  }
  return value;
}

type Format = { readonly instruction: string; readonly output: Record<string, unknown> };

const JSON_INSTRUCTION =
  'Answer with one JSON object and nothing else: no words before or after it, and no code fence around it.';

function formatOf(format: unknown, rules: ModelRules): Format {
  if (format === undefined || format === null) return { instruction: '', output: {} };
  const { type, json_schema: given } = isRecord(format) ? format : {};
  if (type === 'text') return { instruction: '', output: {} };
  // Structured outputs take closed objects only, so none for "any object"; and the newest models cannot be
  // forced to call a tool, which was the way before them.
  if (type === 'json_object') return { instruction: JSON_INSTRUCTION, output: {} };
  if (type !== 'json_schema' || !isRecord(given) || !isRecord(given.schema)) {
    throw badRequest(
      '`response_format` must be text, json_object or a json_schema with its schema.',
      'response_format',
    );
  }
  if (!rules.hasStructuredOutputs) {
    throw badRequest('This Claude model has no structured outputs.', 'response_format.type');
  }
  return {
    instruction: '',
    output: { format: { type: 'json_schema', schema: structuredSchema(given.schema) } },
  };
}

type Thinking = { readonly type: string; readonly display?: 'summarized' };
type ThinkingFields = { thinking?: Thinking; output_config?: Record<string, unknown> };

const SUMMARIZED: Thinking = { type: 'adaptive', display: 'summarized' };
const EFFORT_OF: Record<string, Effort> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
  max: 'max',
};

/**
 * `reasoning_effort` becomes an effort, not a budget of tokens: budgets are refused by the models of today, and on
 * older ones they exclude a temperature, a forced tool and an answered tool call; those ignore it.
 */
function thinkingFields(asked: unknown, rules: ModelRules, output: Record<string, unknown>): ThinkingFields {
  const effort = effortOf(asked, rules);
  const config = { ...output, ...(effort.level !== null && { effort: effort.level }) };
  return {
    ...(effort.thinking && { thinking: effort.thinking }),
    ...(Object.keys(config).length > 0 && { output_config: config }),
  };
}

function effortOf(asked: unknown, rules: ModelRules): { level: Effort | null; thinking?: Thinking } {
  // What a model thinks unasked is paid for, so it is shown; by default it comes back empty.
  const unasked = rules.thinks === 'unasked' ? { thinking: SUMMARIZED } : {};
  if (asked === undefined || asked === null) return { level: null, ...unasked };
  if (asked === 'none') {
    if (rules.thinkingOff) return { level: null, thinking: { type: rules.thinkingOff } };
    return { level: rules.efforts[0] ?? null, ...unasked };
  }
  const wanted = typeof asked === 'string' ? EFFORT_OF[asked] : undefined;
  if (wanted === undefined) {
    throw badRequest(
      '`reasoning_effort` must be none, minimal, low, medium, high or xhigh.',
      'reasoning_effort',
    );
  }
  const level = rules.efforts.includes(wanted) ? wanted : (rules.efforts.at(-1) ?? null);
  return { level, ...(rules.thinks && { thinking: SUMMARIZED }) };
}

const USER_CHARACTERS_MAX = 256;

function userFields(body: Record<string, unknown>): { metadata?: { user_id: string } } {
  const user = body.safety_identifier ?? body.user;
  if (typeof user !== 'string' || user === '') return {};
  // Still the same one each time.
  const id = user.length <= USER_CHARACTERS_MAX ? user : createHash('sha256').update(user).digest('hex');
  return { metadata: { user_id: id } };
}
