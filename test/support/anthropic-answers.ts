import type { LookAlikeModel } from './anthropic-models.ts';
import { blocksOf, type LookAlikeBlock, type LookAlikeRequest } from './anthropic-request.ts';

export type AnswerBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'redacted_thinking'; readonly data: string }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: Record<string, unknown>;
    };

export type AnswerMessage = {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'assistant';
  readonly model: string;
  readonly content: readonly AnswerBlock[];
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
  readonly stop_details?: {
    readonly type: 'refusal';
    readonly category: string | null;
    readonly explanation: string;
  };
  readonly usage: Readonly<Record<string, unknown>>;
};

/** A prompt with this in it is refused, as the API refuses one with its own magic string. */
export const REFUSED_PROMPT = 'REFUSE_THIS';

let count = 0;

/** What the model “says”: driven by the request alone, so that the same request is answered alike. */
export function answerTo(request: LookAlikeRequest, model: LookAlikeModel): AnswerMessage {
  const last = blocksOf(request.messages.at(-1)?.content ?? '');
  const prompt = textOf(last);
  count += 1;
  const base = { id: `msg_${String(count).padStart(6, '0')}`, type: 'message', role: 'assistant' } as const;
  if (prompt.includes(REFUSED_PROMPT)) return { ...base, model: request.model, ...refusal(request) };
  const calls = callsFor(request, last, prompt);
  const said =
    calls.length > 0 ? { text: '', reason: 'tool_use', sequence: null } : cut(sayTo(request, last), request);
  const content: AnswerBlock[] = [
    ...thinkingOf(request, model),
    ...(said.text === '' ? [] : [{ type: 'text' as const, text: said.text }]),
    ...calls,
  ];
  return {
    ...base,
    model: request.model,
    content,
    stop_reason: said.reason,
    stop_sequence: said.sequence,
    usage: usageOf(request, content),
  };
}

/** A value that a JSON schema lets through; of the keywords that tools are written with. */
export function conforming(schema: unknown, root: unknown = schema): unknown {
  const { type, properties, items, enum: choices, anyOf, $ref: ref, const: fixed } = asRecord(schema);
  if (fixed !== undefined) return fixed;
  if (Array.isArray(choices)) return choices[0];
  if (typeof ref === 'string') return conforming(atPointer(root, ref), root);
  if (Array.isArray(anyOf)) return conforming(anyOf[0], root);
  switch (Array.isArray(type) ? type[0] : (type ?? (properties ? 'object' : 'string'))) {
    case 'object':
      return Object.fromEntries(
        Object.entries(asRecord(properties)).map(([name, member]) => [name, conforming(member, root)]),
      );
    case 'array':
      return [conforming(items ?? {}, root)];
    case 'number':
    case 'integer':
      return 7;
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return 'Zürich 雪 😀';
  }
}

function atPointer(root: unknown, ref: string): unknown {
  return ref
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => asRecord(value)[key], root);
}

function callsFor(request: LookAlikeRequest, last: LookAlikeBlock[], prompt: string): AnswerBlock[] {
  const { tools = [], tool_choice: choice } = request;
  const isAnswered = last.some(({ type }) => type === 'tool_result');
  const isForced = choice?.type === 'any' || choice?.type === 'tool';
  if (choice?.type === 'none' || (isAnswered && !isForced)) return [];
  const named = choice?.type === 'tool' ? tools.filter(({ name }) => name === choice.name) : tools;
  const isSeveral = /\b(?:both|all|each)\b/i.test(prompt) && !choice?.disable_parallel_tool_use;
  return named.slice(0, isSeveral ? 2 : 1).map(({ name, input_schema: schema }) => {
    count += 1;
    const input = asRecord(conforming(schema));
    return { type: 'tool_use', id: `toolu_${String(count).padStart(6, '0')}`, name, input };
  });
}

function sayTo(request: LookAlikeRequest, last: LookAlikeBlock[]): string {
  const schema = request.output_config?.format?.schema;
  if (schema) return JSON.stringify(conforming(schema));
  if (JSON.stringify(request.system ?? '').includes('JSON object')) return '{"answer": "yes"}';
  const results = last.flatMap((block) => (block.type === 'tool_result' ? [resultText(block.content)] : []));
  if (results.length > 0) return `The tools said: ${results.join(' and ')}.`;
  const images = last.filter(({ type }) => type === 'image').length;
  const seen = images > 0 ? ` I see ${images} image(s).` : '';
  return `You said: ${textOf(last)}.${seen} Ça va — 雪 😀 well.`;
}

function cut(
  text: string,
  { stop_sequences: stops = [], max_tokens: tokensMax }: LookAlikeRequest,
): { text: string; reason: string; sequence: string | null } {
  const tokens = tokensOf(text);
  const isLong = tokens.length > tokensMax;
  const kept = isLong ? tokens.slice(0, tokensMax).join('') : text;
  const [found] = stops
    .map((stop) => ({ stop, at: kept.indexOf(stop) }))
    .filter(({ at }) => at !== -1)
    .sort((one, other) => one.at - other.at);
  if (found) return { text: kept.slice(0, found.at), reason: 'stop_sequence', sequence: found.stop };
  return { text: kept, reason: isLong ? 'max_tokens' : 'end_turn', sequence: null };
}

function thinkingOf({ thinking }: LookAlikeRequest, model: LookAlikeModel): AnswerBlock[] {
  const isOn = thinking ? ['adaptive', 'enabled'].includes(thinking.type) : model.thinksUnasked;
  if (!isOn) return [];
  const isShown =
    thinking?.type === 'enabled' || (thinking?.type === 'adaptive' && thinking.display === 'summarized');
  return [
    { type: 'thinking', thinking: isShown ? 'Let me think — 雪. Yes.' : '', signature: 'EqQBCgIYAhIM' },
  ];
}

function refusal(
  request: LookAlikeRequest,
): Pick<AnswerMessage, 'content' | 'stop_reason' | 'stop_sequence' | 'usage'> {
  const details = { type: 'refusal', category: null, explanation: 'This request is declined.' } as const;
  return {
    content: [],
    stop_reason: 'refusal',
    stop_sequence: null,
    usage: usageOf(request, []),
    ...{ stop_details: details },
  };
}

function usageOf(request: LookAlikeRequest, content: readonly AnswerBlock[]): Record<string, unknown> {
  const readTokens = Math.ceil(JSON.stringify([request.system, request.tools, request.messages]).length / 4);
  return {
    input_tokens: readTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: 1 + content.reduce((sum, block) => sum + tokensOf(JSON.stringify(block)).length, 0),
    service_tier: 'standard',
  };
}

/** Words with the space after them. */
function tokensOf(text: string): string[] {
  return text.match(/\S+\s*|\s+/gu) ?? [];
}

function textOf(blocks: LookAlikeBlock[]): string {
  return blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join(' ');
}

function resultText(content: unknown): string {
  return typeof content === 'string' ? content : textOf(Array.isArray(content) ? content : []);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
