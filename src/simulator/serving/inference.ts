import type { ServerResponse } from 'node:http';
import { badRequest, beginEvents, engineDead, hexId, nowS, sendEvent, sendJson } from './api-reply.ts';
import { type Engine, EngineDeadError } from './engine.ts';
import { inventSequence, isForcedByName, type Sequence, structuredText, toolCallsOf } from './generation.ts';
import {
  ChatBody,
  CompletionBody,
  chatPrompt,
  checkImages,
  checkLogprobs,
  checkModel,
  checkSampling,
  checkTokens,
  checkTools,
  EmbeddingBody,
  parseBody,
  promptsOf,
  type Sampling,
  TokenizeBody,
} from './inference-request.ts';
import { inventEmbedding, seededRandom, toTokens } from './invented-text.ts';
import { chatLogprobs, completionLogprobs } from './logprobs.ts';

/** One request to an inference route. `signal` fires when the client has gone. */
export type InferenceCall = {
  readonly engine: Engine;
  readonly body: string;
  readonly signal: AbortSignal;
  readonly response: ServerResponse;
};

export async function answerChat(call: InferenceCall): Promise<void> {
  const { served } = call.engine;
  const request = parseBody(ChatBody, call.body);
  const model = checkModel(request.model, served);
  if (request.messages.length === 0) throw badRequest('list index out of range');
  checkSampling(request);
  checkTools(request, served);
  checkImages(request, served);
  const logprobs = request.logprobs === true ? (request.top_logprobs ?? 0) : null;
  checkLogprobs(logprobs ?? 0);
  const prompt = chatPrompt(request.messages);
  const asked = request.max_completion_tokens ?? request.max_tokens;
  const tokensMax = checkTokens({ asked, promptTokens: prompt.tokens, served, fallback: null });
  const calls = toolCallsOf(request);
  const fixedText = structuredText(request);
  const sequences = range(request.n ?? 1).map((choice) =>
    inventSequence({
      served,
      request,
      prompt: prompt.text,
      tokensMax,
      choice,
      calls,
      ...(fixedText === undefined ? {} : { fixedText }),
    }),
  );
  const isRequired = request.tool_choice === 'required';
  const shape = chatShape({ isForced: isForcedByName(request), isRequired, logprobs });
  await answer(call, request, { shape, model, promptTokens: prompt.tokens, sequences });
}

export async function answerCompletion(call: InferenceCall): Promise<void> {
  const { served } = call.engine;
  const request = parseBody(CompletionBody, call.body);
  const model = checkModel(request.model, served);
  checkSampling(request);
  checkLogprobs(request.logprobs ?? 0);
  const prompts = promptsOf(request.prompt);
  if (prompts.length === 0)
    throw badRequest('Either prompt or prompt_embeds must be provided and non-empty.', 'prompt');
  const sequences = prompts.flatMap((prompt) => {
    // The completions route generates 16 tokens unless told otherwise, as OpenAI's does.
    const limits = { asked: request.max_tokens, promptTokens: prompt.tokens, served, fallback: 16 };
    const tokensMax = checkTokens(limits);
    return range(request.n ?? 1).map((choice) =>
      inventSequence({ served, request, prompt: prompt.text, tokensMax, choice }),
    );
  });
  const promptTokens = prompts.reduce((sum, { tokens }) => sum + tokens, 0);
  await answer(call, request, {
    shape: completionShape(request.logprobs ?? null),
    model,
    promptTokens,
    sequences,
  });
}

export async function answerEmbedding(call: InferenceCall): Promise<void> {
  const { engine, response } = call;
  const request = parseBody(EmbeddingBody, call.body);
  const model = checkModel(request.model, engine.served);
  const inputs = promptsOf(request.input);
  for (const { tokens } of inputs) {
    checkTokens({ asked: null, promptTokens: tokens, served: engine.served, fallback: null });
  }
  const promptTokens = inputs.reduce((sum, { tokens }) => sum + tokens, 0);
  await engine.run({ promptTokens, sequences: [{ tokens: [''], finish: 'stop' }] }, call.signal);
  const data = inputs.map(({ text }, index) => {
    const vector = inventEmbedding(seededRandom(`${engine.served.seed} ${text}`), request.dimensions ?? 384);
    const isPacked = request.encoding_format === 'base64';
    return { index, object: 'embedding', embedding: isPacked ? packFloats(vector) : vector };
  });
  sendJson(response, 200, {
    id: `embd-${hexId()}`,
    object: 'list',
    created: nowS(),
    model,
    data,
    usage: {
      prompt_tokens: promptTokens,
      total_tokens: promptTokens,
      completion_tokens: 0,
      prompt_tokens_details: null,
    },
  });
}

export async function answerTokenize(call: InferenceCall): Promise<void> {
  const { served } = call.engine;
  const request = parseBody(TokenizeBody, call.body);
  checkModel(request.model, served);
  const text = request.prompt ?? chatPrompt(request.messages ?? []).text;
  const tokens = toTokens(text).map((token) => Math.floor(seededRandom(token)() * 150_000));
  const answer = { count: tokens.length, max_model_len: served.maxModelLen, tokens, token_strs: null };
  sendJson(call.response, 200, answer);
}

/** What differs between the two generating routes. */
type Shape = {
  readonly idPrefix: string;
  readonly object: string;
  readonly chunkObject: string;
  /** What a stream opens with, per choice; the completions route has no opening. */
  readonly opening: Record<string, unknown> | null;
  /** What a chunk has besides its choices. */
  readonly ofChunk: Record<string, unknown>;
  chunk(sequence: Sequence, step: number): Record<string, unknown>;
  whole(sequence: Sequence): Record<string, unknown>;
  finish(sequence: Sequence): string;
};

type Answer = {
  readonly shape: Shape;
  readonly model: string;
  readonly promptTokens: number;
  readonly sequences: readonly Sequence[];
};

async function answer(call: InferenceCall, request: Sampling, given: Answer): Promise<void> {
  if (request.stream) return streamAnswer(call, request, given);
  const { shape, model, promptTokens, sequences } = given;
  await call.engine.run({ promptTokens, sequences }, call.signal);
  sendJson(call.response, 200, {
    id: `${shape.idPrefix}-${hexId()}`,
    object: shape.object,
    created: nowS(),
    model,
    choices: sequences.map((sequence, index) => ({
      index,
      ...shape.whole(sequence),
      finish_reason: shape.finish(sequence),
      stop_reason: sequence.stopReason,
      token_ids: null,
    })),
    service_tier: null,
    system_fingerprint: null,
    usage: usageOf(
      given,
      sequences.map(({ tokens }) => tokens.length),
    ),
    prompt_logprobs: null,
    prompt_token_ids: null,
    kv_transfer_params: null,
  });
}

async function streamAnswer(call: InferenceCall, request: Sampling, given: Answer): Promise<void> {
  const { response, engine } = call;
  const { shape, model, promptTokens, sequences } = given;
  // A dead engine answers 500 only while the status line has not been sent.
  if (engine.isDead) throw new EngineDeadError();
  const head = { id: `${shape.idPrefix}-${hexId()}`, object: shape.chunkObject, created: nowS(), model };
  const send = (choices: unknown[], more: Record<string, unknown> = {}): Promise<void> =>
    sendEvent(response, JSON.stringify({ ...head, choices, ...more }));
  beginEvents(response);
  try {
    await engine.run({ promptTokens, sequences }, call.signal, async (step) => {
      if (step === 0 && shape.opening !== null) {
        const opening = { ...shape.opening, logprobs: null, finish_reason: null };
        for (const index of sequences.keys()) await send([{ index, ...opening }], { prompt_token_ids: null });
      }
      for (const [index, sequence] of sequences.entries()) {
        if (step >= sequence.tokens.length) continue;
        await send([{ index, ...chunkChoice(shape, sequence, step) }], shape.ofChunk);
      }
    });
    const { include_usage: includesUsage } = request.stream_options ?? {};
    if (includesUsage)
      await send([], {
        usage: usageOf(
          given,
          sequences.map(({ tokens }) => tokens.length),
        ),
      });
  } catch (error) {
    if (!(error instanceof EngineDeadError)) throw error;
    await sendEvent(response, JSON.stringify(engineDead().toBody()));
  }
  await sendEvent(response, '[DONE]');
  response.end();
}

function chunkChoice(shape: Shape, sequence: Sequence, step: number): Record<string, unknown> {
  const isLast = step === sequence.tokens.length - 1;
  const ending = isLast
    ? { finish_reason: shape.finish(sequence), stop_reason: sequence.stopReason }
    : { finish_reason: null };
  return { ...shape.chunk(sequence, step), ...ending, token_ids: null };
}

function completionShape(logprobs: number | null): Shape {
  const told = (tokens: readonly string[], offset: number) =>
    logprobs === null ? null : completionLogprobs(tokens, { top: logprobs, offset });
  return {
    idPrefix: 'cmpl',
    object: 'text_completion',
    chunkObject: 'text_completion',
    opening: null,
    ofChunk: { usage: null },
    chunk: ({ tokens }, step) => {
      const token = tokens[step] ?? '';
      return { text: token, logprobs: told([token], tokens.slice(0, step).join('').length) };
    },
    whole: ({ tokens }) => ({ text: tokens.join(''), logprobs: told(tokens, 0), prompt_logprobs: null }),
    finish: ({ finish }) => finish,
  };
}

type ChatManner = {
  readonly isForced: boolean;
  readonly isRequired: boolean;
  readonly logprobs: number | null;
};

function chatShape({ isForced, isRequired, logprobs }: ChatManner): Shape {
  const told = (tokens: readonly string[]) => (logprobs === null ? null : chatLogprobs(tokens, logprobs));
  return {
    idPrefix: 'chatcmpl',
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    opening: { delta: { role: 'assistant', content: '' } },
    ofChunk: {},
    chunk: (sequence, step) => {
      const token = sequence.tokens[step] ?? '';
      const isCall = sequence.calls.length > 0;
      const delta = isCall ? { tool_calls: [callDelta(sequence, { step, isRequired })] } : { content: token };
      return { delta, logprobs: told([token]) };
    },
    whole: ({ tokens, calls }) => ({
      message: {
        role: 'assistant',
        content: calls.length > 0 ? '' : tokens.join(''),
        refusal: null,
        annotations: null,
        audio: null,
        function_call: null,
        tool_calls: calls.map(({ id, name, arguments: written }) => ({
          id,
          type: 'function',
          function: { name, arguments: written },
        })),
        reasoning: null,
      },
      logprobs: told(tokens),
    }),
    finish: ({ finish, calls }) =>
      calls.length > 0 && finish === 'stop' && !isForced ? 'tool_calls' : finish,
  };
}

/**
 * The token's part of the call that it belongs to; the first of a call names it. The others of a call that was
 * required say that they have no name, which clients are known to stumble over.
 */
function callDelta(
  { tokens, calls }: Sequence,
  { step, isRequired }: { step: number; isRequired: boolean },
): Record<string, unknown> {
  let from = 0;
  for (const [index, { id, name, tokens: length }] of calls.entries()) {
    if (step < from + length) {
      const written = { arguments: tokens[step] };
      if (step > from) return { index, function: isRequired ? { name: null, ...written } : written };
      return { id, type: 'function', index, function: { name, ...written } };
    }
    from += length;
  }
  throw new RangeError(`Token ${step} belongs to none of the calls`);
}

function usageOf(given: Answer, generated: readonly number[]): Record<string, unknown> {
  const completion = generated.reduce((sum, count) => sum + count, 0);
  return {
    prompt_tokens: given.promptTokens,
    total_tokens: given.promptTokens + completion,
    completion_tokens: completion,
    prompt_tokens_details: null,
  };
}

/** Little-endian 32-bit floats, which OpenAI's own client asks for. */
function packFloats(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
