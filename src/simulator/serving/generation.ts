import type { Job, ServedModel } from './engine.ts';
import type { ChatRequest, Sampling } from './inference-request.ts';
import { inventAnswer, inventTokens, seededRandom, toTokens } from './invented-text.ts';
import { inventSchemaValue } from './schema-value.ts';

export type Sequence = Job['sequences'][number] & { readonly stopReason: string | null };

/** The tokens of one choice: an answer of its own length, cut where the request says so. */
export function inventSequence(given: {
  served: ServedModel;
  request: Sampling;
  prompt: string;
  tokensMax: number;
  choice: number;
  /** Text that must stand as it is, such as JSON that was asked for. */
  fixedText?: string;
}): Sequence {
  const { served, request, prompt, tokensMax, choice, fixedText } = given;
  const random = seededRandom(`${served.seed} ${request.seed ?? ''} ${choice} ${prompt}`);
  let tokens = toTokens(fixedText ?? inventAnswer(random));
  if (fixedText === undefined) {
    const wanted = request.ignore_eos ? tokensMax : (request.min_tokens ?? 0);
    if (wanted > tokens.length) tokens = [...tokens, ...inventTokens(random, wanted - tokens.length)];
  }
  const stopped = cutAtStop(tokens, request.stop);
  if (stopped !== null && stopped.tokens.length <= tokensMax) return { ...stopped, finish: 'stop' };
  const isCut = tokens.length > tokensMax || request.ignore_eos === true;
  return { tokens: tokens.slice(0, tokensMax), finish: isCut ? 'length' : 'stop', stopReason: null };
}

/** JSON for `response_format` and the guided fields; undefined when free text was asked for. */
export function structuredText(request: Sampling & Record<string, unknown>): string | undefined {
  const format = request.response_format;
  if (format?.type === 'json_object') return '{"answer": "Destroy the instance when you are done."}';
  const asked = format?.type === 'json_schema' ? format.json_schema : undefined;
  const wrapped = field(asked, 'schema') ?? field(request.structured_outputs, 'json') ?? request.guided_json;
  return wrapped === undefined || wrapped === null ? undefined : JSON.stringify(inventSchemaValue(wrapped));
}

export type ToolCall = { readonly name: string; readonly arguments: string };

/** The call of a tool that the request insists on; null when the model may answer in words, which it then does. */
export function toolCallOf(request: ChatRequest): ToolCall | null {
  const choice = request.tool_choice;
  if (choice === null || choice === undefined || choice === 'auto' || choice === 'none') return null;
  const tools = request.tools ?? [];
  const tool =
    typeof choice === 'string' ? tools[0] : tools.find((one) => one.function.name === choice.function.name);
  if (tool === undefined) return null;
  return {
    name: tool.function.name,
    arguments: JSON.stringify(inventSchemaValue(tool.function.parameters) ?? {}),
  };
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
