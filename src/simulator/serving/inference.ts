import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { badRequest, engineDead, sendJson } from './api-reply.ts';
import { type Engine, EngineDeadError } from './engine.ts';
import { inventSequence, type Sequence, structuredText, type ToolCall, toolCallOf } from './generation.ts';
import {
  ChatBody,
  CompletionBody,
  chatPrompt,
  checkModel,
  checkSampling,
  checkTokens,
  EmbeddingBody,
  parseBody,
  promptsOf,
  type Sampling,
  TokenizeBody,
} from './inference-request.ts';
import { inventEmbedding, seededRandom, toTokens } from './invented-text.ts';

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
  refuseOtherRunner(call.engine, 'generate', 'Chat Completions');
  if (request.messages.length === 0) throw badRequest('list index out of range', 'messages');
  checkSampling(request);
  const prompt = chatPrompt(request.messages);
  const asked = request.max_completion_tokens ?? request.max_tokens;
  const tokensMax = checkTokens({ asked, promptTokens: prompt.tokens, served, fallback: null });
  const toolCall = toolCallOf(request);
  const fixedText = toolCall?.arguments ?? structuredText(request);
  const sequences = range(request.n ?? 1).map((choice) =>
    inventSequence({
      served,
      request,
      prompt: prompt.text,
      tokensMax,
      choice,
      ...(fixedText === undefined ? {} : { fixedText }),
    }),
  );
  await answer(call, request, { shape: chatShape(toolCall), model, promptTokens: prompt.tokens, sequences });
}

export async function answerCompletion(call: InferenceCall): Promise<void> {
  const { served } = call.engine;
  const request = parseBody(CompletionBody, call.body);
  const model = checkModel(request.model, served);
  refuseOtherRunner(call.engine, 'generate', 'Completions');
  checkSampling(request);
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
  await answer(call, request, { shape: completionShape, model, promptTokens, sequences });
}

export async function answerEmbedding(call: InferenceCall): Promise<void> {
  const { engine, response } = call;
  const request = parseBody(EmbeddingBody, call.body);
  const model = checkModel(request.model, engine.served);
  refuseOtherRunner(engine, 'pooling', 'Embeddings');
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
  chunk(text: string, isFirst: boolean): Record<string, unknown>;
  whole(text: string): Record<string, unknown>;
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
      ...shape.whole(sequence.tokens.join('')),
      logprobs: null,
      finish_reason: shape.finish(sequence),
      stop_reason: sequence.stopReason,
    })),
    service_tier: null,
    system_fingerprint: null,
    usage: usageOf(
      given,
      sequences.map(({ tokens }) => tokens.length),
    ),
    prompt_logprobs: null,
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
  response.writeHead(200, { server: 'uvicorn', 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
  try {
    await engine.run({ promptTokens, sequences }, call.signal, async (step) => {
      if (step === 0 && shape.opening !== null) {
        const opening = { ...shape.opening, logprobs: null, finish_reason: null };
        for (const index of sequences.keys()) await send([{ index, ...opening }]);
      }
      for (const [index, sequence] of sequences.entries()) {
        const token = sequence.tokens[step];
        if (token !== undefined) await send([{ index, ...chunkChoice(shape, sequence, step, token) }]);
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

function chunkChoice(shape: Shape, sequence: Sequence, step: number, token: string): Record<string, unknown> {
  const isLast = step === sequence.tokens.length - 1;
  const ending = isLast
    ? { finish_reason: shape.finish(sequence), stop_reason: sequence.stopReason }
    : { finish_reason: null };
  return { ...shape.chunk(token, step === 0), logprobs: null, ...ending };
}

/** Waits for the client to take what was sent: a slow reader must not fill our memory. */
async function sendEvent(response: ServerResponse, data: string): Promise<void> {
  if (response.destroyed || response.write(`data: ${data}\n\n`)) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}

const completionShape: Shape = {
  idPrefix: 'cmpl',
  object: 'text_completion',
  chunkObject: 'text_completion',
  opening: null,
  chunk: (text) => ({ text }),
  whole: (text) => ({ text }),
  finish: ({ finish }) => finish,
};

function chatShape(tool: ToolCall | null): Shape {
  const base = { idPrefix: 'chatcmpl', object: 'chat.completion', chunkObject: 'chat.completion.chunk' };
  const opening = { delta: { role: 'assistant', content: '' } };
  if (tool === null) {
    return {
      ...base,
      opening,
      chunk: (content) => ({ delta: { content } }),
      whole: (content) => ({ message: { role: 'assistant', content, refusal: null, tool_calls: [] } }),
      finish: ({ finish }) => finish,
    };
  }
  const id = `chatcmpl-tool-${hexId()}`;
  return {
    ...base,
    opening,
    chunk: (text, isFirst) => {
      const first = isFirst ? { id, type: 'function' } : {};
      const call = { arguments: text, ...(isFirst ? { name: tool.name } : {}) };
      return { delta: { tool_calls: [{ index: 0, ...first, function: call }] } };
    },
    whole: (text) => {
      const call = { id, type: 'function', function: { name: tool.name, arguments: text } };
      return { message: { role: 'assistant', content: null, refusal: null, tool_calls: [call] } };
    },
    finish: ({ finish }) => (finish === 'stop' ? 'tool_calls' : finish),
  };
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

function refuseOtherRunner(engine: Engine, runner: 'generate' | 'pooling', api: string): void {
  if (engine.served.runner !== runner) throw badRequest(`The model does not support ${api} API`);
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

function hexId(): string {
  return randomUUID().replaceAll('-', '');
}

function nowS(): number {
  return Math.floor(Date.now() / 1000);
}
