import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { beginEvents, engineDead, hexId, nowS, sendEvent, sendJson } from './api-reply.ts';
import { EngineDeadError } from './engine.ts';
import { inventSequence, type Sequence } from './generation.ts';
import type { InferenceCall } from './inference.ts';
import { checkModel, checkSampling, checkTokens, parseBody } from './inference-request.ts';
import { toTokens } from './invented-text.ts';

const ResponseBody = z.looseObject({
  model: z.string().nullish(),
  input: z.union([z.string(), z.array(z.looseObject({}))]),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
});

type Request = z.infer<typeof ResponseBody>;

/** `/v1/responses` for text, without tools. */
export async function answerResponse(call: InferenceCall): Promise<void> {
  const { served } = call.engine;
  const request = parseBody(ResponseBody, call.body);
  const model = checkModel(request.model, served);
  checkSampling({ temperature: request.temperature, top_p: request.top_p });
  const prompt = promptOf(request);
  const promptTokens = toTokens(prompt).length;
  const asked = request.max_output_tokens;
  const limits = { asked, promptTokens, served, fallback: null, limit: 'max_output_tokens' } as const;
  const sequence = inventSequence({ served, request: {}, prompt, tokensMax: checkTokens(limits), choice: 0 });
  const given = { request, model, promptTokens, sequence, id: `resp_${hexId()}`, createdS: nowS() };
  if (request.stream === true) return stream(call, given);
  await call.engine.run({ promptTokens, sequences: [sequence] }, call.signal);
  sendJson(call.response, 200, whole(given));
}

type Answer = {
  readonly request: Request;
  readonly model: string;
  readonly promptTokens: number;
  readonly sequence: Sequence;
  readonly id: string;
  readonly createdS: number;
};

/** Each event carries its type twice, and its place among all. */
async function stream({ engine, signal, response }: InferenceCall, given: Answer): Promise<void> {
  if (engine.isDead) throw new EngineDeadError();
  const { sequence, promptTokens } = given;
  const item = { id: randomUUID(), role: 'assistant', type: 'message', phase: null };
  const place = { item_id: item.id, output_index: 0, content_index: 0 };
  const text = sequence.tokens.join('');
  let count = 0;
  const send = async (type: string, more: Record<string, unknown>): Promise<void> => {
    await sendEvent(response, JSON.stringify({ ...more, sequence_number: count, type }), type);
    count += 1;
  };
  beginEvents(response);
  try {
    await send('response.created', { response: begun(given) });
    await send('response.in_progress', { response: begun(given) });
    const opened = { ...item, content: [], status: 'in_progress' };
    await send('response.output_item.added', { item: opened, output_index: 0 });
    await send('response.content_part.added', { ...place, part: { ...partOf(''), logprobs: [] } });
    await engine.run({ promptTokens, sequences: [sequence] }, signal, (step) =>
      send('response.output_text.delta', { ...place, delta: sequence.tokens[step] ?? '', logprobs: [] }),
    );
    await send('response.output_text.done', { ...place, text, logprobs: [] });
    await send('response.content_part.done', { ...place, part: partOf(text) });
    const done = { ...item, content: [partOf(text)], status: 'completed', summary: [] };
    await send('response.output_item.done', { item: done, output_index: 0 });
    // Also of an answer that its limit has cut.
    await send('response.completed', { response: whole(given) });
  } catch (error) {
    if (!(error instanceof EngineDeadError)) throw error;
    await sendEvent(response, JSON.stringify(engineDead().toBody()));
  }
  response.end();
}

function begun({ request, model, id, createdS }: Answer): Record<string, unknown> {
  return {
    id,
    created_at: createdS,
    incomplete_details: null,
    instructions: request.instructions ?? null,
    metadata: null,
    model,
    object: 'response',
    output: [],
    parallel_tool_calls: true,
    temperature: request.temperature ?? 1,
    tool_choice: 'auto',
    tools: [],
    top_p: request.top_p ?? 1,
    background: false,
    max_output_tokens: request.max_output_tokens ?? null,
    service_tier: 'auto',
    status: 'in_progress',
    truncation: 'disabled',
    usage: null,
  };
}

function whole(given: Answer): Record<string, unknown> {
  const { promptTokens, sequence } = given;
  const isCut = sequence.finish === 'length';
  const outputTokens = sequence.tokens.length;
  const message = {
    id: `msg_${hexId()}`,
    content: [partOf(sequence.tokens.join(''))],
    role: 'assistant',
    status: 'completed',
    type: 'message',
    phase: null,
  };
  return {
    ...begun(given),
    status: isCut ? 'incomplete' : 'completed',
    incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
    output: [message],
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: promptTokens + outputTokens,
    },
  };
}

function partOf(text: string): Record<string, unknown> {
  return { annotations: [], text, type: 'output_text', logprobs: null };
}

function promptOf({ instructions, input }: Request): string {
  return `${instructions ?? ''}${typeof input === 'string' ? input : JSON.stringify(input)}`;
}
