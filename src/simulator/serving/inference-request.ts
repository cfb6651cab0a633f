import { z } from 'zod';
import { badRequest, modelNotFound } from './api-reply.ts';
import type { ServedModel } from './engine.ts';
import { toTokens } from './invented-text.ts';

/** Fields beyond these are accepted and ignored, as vLLM accepts what newer OpenAI clients send. */
const sampling = {
  model: z.string().nullish(),
  max_tokens: z.int().nullish(),
  n: z.int().min(1).max(64).nullish(),
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
});

const prompt = z.union([z.string(), z.array(z.string()), z.array(z.int()), z.array(z.array(z.int()))]);

export const CompletionBody = z.looseObject({ ...sampling, prompt, echo: z.boolean().nullish() });

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

/** The body as `schema` has it; throws the 400 that vLLM answers, naming every wrong field. */
export function parseBody<T>(schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw badRequest(`[{'type': 'json_invalid', 'loc': ('body', 0), 'msg': 'JSON decode error: ${error}'}]`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  const wrong = parsed.error.issues.map((issue) => {
    const location = ['body', ...issue.path].map((part) => `'${String(part)}'`).join(', ');
    return `{'type': '${issue.code}', 'loc': (${location}), 'msg': '${issue.message}'}`;
  });
  throw badRequest(`[${wrong.join(', ')}]`, first?.path.map(String).join('.') || null);
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
}): number {
  const { asked, promptTokens, served, fallback } = given;
  const room = served.maxModelLen - promptTokens;
  if (room < 1) {
    throw badRequest(
      `This model's maximum context length is ${served.maxModelLen} tokens. However, your request has ${promptTokens} input tokens. Please reduce the length of the input messages. (parameter=input_tokens, value=${promptTokens})`,
      'input_tokens',
    );
  }
  if (asked === null || asked === undefined) return Math.min(fallback ?? room, room);
  if (asked < 1)
    throw badRequest(
      `max_tokens must be at least 1, got ${asked}. (parameter=max_tokens, value=${asked})`,
      'max_tokens',
    );
  if (asked > room) {
    throw badRequest(
      `'max_tokens' or 'max_completion_tokens' is too large: ${asked}. This model's maximum context length is ${served.maxModelLen} tokens and your request has ${promptTokens} input tokens (${asked} > ${served.maxModelLen} - ${promptTokens}). (parameter=max_tokens, value=${asked})`,
      'max_tokens',
    );
  }
  return asked;
}

export function checkSampling(request: Sampling): void {
  if (request.stream_options && !request.stream) {
    throw badRequest('Stream options can only be defined when `stream=True`.', 'stream_options');
  }
  if ((request.temperature ?? 0) < 0) {
    throw badRequest(`temperature must be non-negative, got ${request.temperature}.`, 'temperature');
  }
  const topP = request.top_p ?? 1;
  if (topP <= 0 || topP > 1) throw badRequest(`top_p must be in (0, 1], got ${topP}.`, 'top_p');
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
