import { z } from 'zod';
import { type ApiError, badRequest, modelNotFound, unreadable } from './api-reply.ts';
import type { ServedModel } from './engine.ts';
import { toTokens } from './invented-text.ts';

/** Fields beyond these are accepted and ignored, as vLLM accepts what newer OpenAI clients send. */
const sampling = {
  model: z.string().nullish(),
  max_tokens: z.int().nullish(),
  n: z.int().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  min_tokens: z.int().nullish(),
  ignore_eos: z.boolean().nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
};

const message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).nullish(),
});

export const ChatBody = z.looseObject({
  ...sampling,
  messages: z.array(message),
  max_completion_tokens: z.int().nullish(),
  tools: z
    .array(
      z.looseObject({ function: z.looseObject({ name: z.string(), parameters: z.unknown().optional() }) }),
    )
    .nullish(),
  tool_choice: z
    .union([z.string(), z.looseObject({ function: z.looseObject({ name: z.string() }) })])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().nullish(),
});

const prompt = z.union([z.string(), z.array(z.string()), z.array(z.int()), z.array(z.array(z.int()))]);

export const CompletionBody = z.looseObject({
  ...sampling,
  prompt,
  echo: z.boolean().nullish(),
  logprobs: z.int().nullish(),
});

export const EmbeddingBody = z.looseObject({
  model: z.string().nullish(),
  input: prompt,
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().positive().nullish(),
});

export const TokenizeBody = z
  .looseObject({
    model: z.string().nullish(),
    prompt: z.string().optional(),
    messages: z.array(message).optional(),
  })
  .refine((body) => body.prompt !== undefined || body.messages !== undefined, {
    message: 'Field required',
    path: ['prompt'],
  });

export type ChatRequest = z.infer<typeof ChatBody>;
export type CompletionRequest = z.infer<typeof CompletionBody>;
export type EmbeddingRequest = z.infer<typeof EmbeddingBody>;
export type TokenizeRequest = z.infer<typeof TokenizeBody>;
export type Sampling = Pick<CompletionRequest, keyof typeof sampling>;

/** The body as `schema` has it; throws the 400 that vLLM answers, whose message names every wrong field. */
export function parseBody<T>(schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw unreadable(
      `1 validation error:\n  {'type': 'json_invalid', 'loc': ('body', 0), 'msg': 'JSON decode error: ${error}'}`,
    );
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => {
    const location = ['body', ...issue.path].map((part) => `'${String(part)}'`).join(', ');
    return `  {'type': '${issue.code}', 'loc': (${location}), 'msg': '${issue.message}'}`;
  });
  const count = `${wrong.length} validation error${wrong.length > 1 ? 's' : ''}`;
  throw unreadable(`${count}:\n${wrong.join('\n')}`);
}

/** The served name the answer carries: the one asked for, else the first. */
export function checkModel(asked: string | null | undefined, served: ServedModel): string {
  const [first = served.model] = served.names;
  if (asked === null || asked === undefined || asked === '') return first;
  if (!served.names.includes(asked)) throw modelNotFound(asked);
  return asked;
}

/** How many tokens may be generated at most, after vLLM's checks of prompt and limits. */
export function checkTokens(given: {
  asked: number | null | undefined;
  promptTokens: number;
  served: ServedModel;
  fallback: number | null;
  /** What the limit is called. */
  limit?: 'max_tokens' | 'max_output_tokens';
}): number {
  const { asked, promptTokens, served, fallback, limit = 'max_tokens' } = given;
  const room = served.maxModelLen - promptTokens;
  if (room < 1) throw tooLong({ promptTokens, asked: asked ?? 1, maxModelLen: served.maxModelLen });
  if (asked === null || asked === undefined) return Math.min(fallback ?? room, room);
  if (asked < 1)
    throw badRequest(
      `${limit} must be at least 1, got ${asked}. (parameter=${limit}, value=${asked})`,
      limit,
    );
  const { maxModelLen } = served;
  if (asked > maxModelLen) {
    throw badRequest(
      // The missing space is vLLM's own.
      `${limit}=${asked}cannot be greater than max_model_len=max_total_tokens=${maxModelLen}. Please request fewer output tokens. (parameter=${limit}, value=${asked})`,
      limit,
    );
  }
  if (asked > room) throw tooLong({ promptTokens, asked, maxModelLen });
  return asked;
}

export function checkSampling(request: Sampling): void {
  if (request.stream_options && !request.stream) {
    throw ofBody('Stream options can only be defined when `stream=True`. (parameter=stream_options)');
  }
  const choices = request.n ?? 1;
  if (choices < 1) throw badRequest(`n must be at least 1, got ${choices}.`);
  if ((request.temperature ?? 0) < 0) {
    throw badRequest(`temperature must be non-negative, got ${request.temperature}.`, 'temperature');
  }
  const topP = request.top_p ?? 1;
  if (topP <= 0 || topP > 1) throw badRequest(`top_p must be in (0, 1], got ${topP}.`, 'top_p');
}

/** `logprobs` is how many are told of each token; the name of the field is vLLM's own for both routes. */
export function checkLogprobs(logprobs: number): void {
  if (logprobs <= LOGPROBS_MAX) return;
  const told = `Requested sample logprobs of ${logprobs}, which is greater than max allowed: ${LOGPROBS_MAX}`;
  throw badRequest(`${told} (parameter=logprobs, value=${logprobs})`, 'logprobs');
}

const LOGPROBS_MAX = 20;

export function checkTools({ tools, tool_choice: choice }: ChatRequest, served: ServedModel): void {
  if (choice === null || choice === 'none') return;
  const isAuto = choice === undefined || choice === 'auto';
  if ((tools ?? []).length === 0) {
    if (!isAuto) throw ofBody('When using `tool_choice`, `tools` must be set.');
    return;
  }
  if (isAuto && !served.choosesTools) {
    throw badRequest(
      '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    );
  }
  if (typeof choice === 'object' && !tools?.some((tool) => tool.function.name === choice.function.name)) {
    throw ofBody('The tool specified in `tool_choice` does not match any of the specified `tools`');
  }
}

/** Whether a model sees is in its name, more often than not. */
const SEEING = /(?:^|[-_/\d])(?:vl|vision|llava|pixtral|omni|internvl|gemma-3)/i;

export function checkImages({ messages }: ChatRequest, { model }: ServedModel): void {
  const hasImage = messages.some(
    ({ content }) => Array.isArray(content) && content.some((part) => part.type === 'image_url'),
  );
  if (hasImage && !SEEING.test(model)) throw badRequest(`${model} is not a multimodal model`);
}

function tooLong(of: { promptTokens: number; asked: number; maxModelLen: number }): ApiError {
  const { promptTokens, asked, maxModelLen } = of;
  return badRequest(
    `You passed ${promptTokens} input tokens and requested ${asked} output tokens. However, the model's context length is only ${maxModelLen} tokens, resulting in a maximum input length of ${Math.max(0, maxModelLen - asked)} tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=${promptTokens})`,
    'input_tokens',
  );
}

function ofBody(message: string): ApiError {
  return unreadable(
    `1 validation error:\n  {'type': 'value_error', 'loc': ('body',), 'msg': 'Value error, ${message}'}`,
  );
}

/** Messages as the model would read them: a chat template puts a few tokens around each. */
export function chatPrompt(messages: ChatRequest['messages']): { text: string; tokens: number } {
  const text = messages.map(({ role, content }) => `${role}: ${contentText(content)}`).join('\n');
  return { text, tokens: toTokens(text).length + 3 * messages.length };
}

/** Each prompt of a request, as text for the seed and as a count. */
export function promptsOf(given: CompletionRequest['prompt']): { text: string; tokens: number }[] {
  if (typeof given === 'string') return [{ text: given, tokens: toTokens(given).length }];
  const isTokens = given.length > 0 && given.every((part) => typeof part === 'number');
  const parts = isTokens ? [given] : given;
  return parts.map((part) =>
    typeof part === 'string'
      ? { text: part, tokens: toTokens(part).length }
      : { text: String(part), tokens: Array.isArray(part) ? part.length : 1 },
  );
}

function contentText(content: ChatRequest['messages'][number]['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? [])
    .map((part) => (typeof part.text === 'string' ? part.text : `[${part.type}]`))
    .join(' ');
}
