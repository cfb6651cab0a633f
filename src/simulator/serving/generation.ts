import { hexId } from './api-reply.ts';
import type { Job, ServedModel } from './engine.ts';
import type { ChatRequest, Sampling } from './inference-request.ts';
import { inventAnswer, inventTokens, seededRandom, toTokens } from './invented-text.ts';
import { inventSchemaValue } from './schema-value.ts';

export type Sequence = Job['sequences'][number] & {
  readonly stopReason: string | null;
  /** Its tokens are the arguments of these calls, one after the other. */
  readonly calls: readonly ToolCall[];
};

/** The tokens of one choice: an answer of its own length, cut where the request says so. */
export function inventSequence(given: {
  served: ServedModel;
  request: Sampling;
  prompt: string;
  tokensMax: number;
  choice: number;
  /** Text that must stand as it is, such as JSON that was asked for. */
  fixedText?: string;
  calls?: readonly Omit<ToolCall, 'id' | 'tokens'>[];
}): Sequence {
  const { served, request, prompt, tokensMax, choice, fixedText, calls = [] } = given;
  if (calls.length > 0) return callSequence(calls, tokensMax);
  const random = seededRandom(`${served.seed} ${request.seed ?? ''} ${choice} ${prompt}`);
  let tokens = toTokens(fixedText ?? inventAnswer(random));
  if (fixedText === undefined) {
    const wanted = request.ignore_eos ? tokensMax : (request.min_tokens ?? 0);
    if (wanted > tokens.length) tokens = [...tokens, ...inventTokens(random, wanted - tokens.length)];
  }
  const stopped = cutAtStop(tokens, request.stop);
  if (stopped !== null && stopped.tokens.length <= tokensMax)
    return { ...stopped, finish: 'stop', calls: [] };
  const isCut = tokens.length > tokensMax || request.ignore_eos === true;
  return {
    tokens: tokens.slice(0, tokensMax),
    finish: isCut ? 'length' : 'stop',
    stopReason: null,
    calls: [],
  };
}

function callSequence(calls: readonly Omit<ToolCall, 'id' | 'tokens'>[], tokensMax: number): Sequence {
  const written = calls.map((call) => ({
    ...call,
    id: `chatcmpl-tool-${hexId()}`,
    tokens: toTokens(call.arguments).length,
  }));
  const tokens = written.flatMap((call) => toTokens(call.arguments));
  const finish = tokens.length > tokensMax ? 'length' : 'stop';
  return { tokens: tokens.slice(0, tokensMax), finish, stopReason: null, calls: written };
}

/** JSON for `response_format` and the guided fields; undefined when free text was asked for. */
export function structuredText(request: Sampling & Record<string, unknown>): string | undefined {
  const format = request.response_format;
  if (format?.type === 'json_object') return '{"answer": "Destroy the instance when you are done."}';
  const asked = format?.type === 'json_schema' ? format.json_schema : undefined;
  const wrapped = field(asked, 'schema') ?? field(request.structured_outputs, 'json') ?? request.guided_json;
  return wrapped === undefined || wrapped === null ? undefined : JSON.stringify(inventSchemaValue(wrapped));
}

export type ToolCall = {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  readonly tokens: number;
};

/**
 * The calls that the request insists on, and those of tools that its last words name where the model may choose;
 * none when it answers in words.
 */
export function toolCallsOf(request: ChatRequest): Omit<ToolCall, 'id' | 'tokens'>[] {
  const chosen = toolsFor(request);
  const several = request.parallel_tool_calls === false ? chosen.slice(0, 1) : chosen;
  return several.map((tool) => ({
    name: tool.function.name,
    arguments: JSON.stringify(inventSchemaValue(tool.function.parameters) ?? {}),
  }));
}

/** vLLM says `stop` of a call that was forced by its name, `tool_calls` of all others. */
export function isForcedByName({ tool_choice: choice }: ChatRequest): boolean {
  return typeof choice === 'object' && choice !== null;
}

type Tool = NonNullable<ChatRequest['tools']>[number];

function toolsFor({ messages, tools, tool_choice: choice }: ChatRequest): Tool[] {
  const offered = tools ?? [];
  if (choice === null || choice === 'none') return [];
  if (typeof choice === 'object')
    return offered.filter((tool) => tool.function.name === choice.function.name);
  const last = messages.at(-1);
  const said = last?.role === 'user' ? JSON.stringify(last.content ?? '') : '';
  const named = offered.filter((tool) => new RegExp(`\\b${tool.function.name}\\b`).test(said));
  return choice === 'required' && named.length === 0 ? offered.slice(0, 1) : named;
}

function cutAtStop(
  tokens: readonly string[],
  stop: Sampling['stop'],
): { tokens: string[]; stopReason: string } | null {
  const text = tokens.join('');
  const marks = (typeof stop === 'string' ? [stop] : (stop ?? [])).filter((mark) => mark !== '');
  const found = marks
    .map((mark) => ({ mark, at: text.indexOf(mark) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at)[0];
  return found ? { tokens: toTokens(text.slice(0, found.at)), stopReason: found.mark } : null;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
