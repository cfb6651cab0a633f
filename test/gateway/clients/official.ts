/**
 * The cases of this folder with OpenAI's own package for JavaScript, unmodified.
 *
 * Reads `{url, keys, cases}` from its input and prints one JSON object a case: what the package handed to its
 * caller, or which of its errors it threw. `official.py` does the same with the package for Python.
 */
import { text } from 'node:stream/consumers';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionMessageToolCall,
} from 'openai/resources/chat/completions';
import type { Completion, CompletionCreateParamsNonStreaming } from 'openai/resources/completions';
import type { EmbeddingCreateParams } from 'openai/resources/embeddings';
import type {
  Response as ModelResponse,
  ResponseCreateParamsNonStreaming,
} from 'openai/resources/responses/responses';
import { z } from 'zod';
import type { ClientCase, ClientInput } from './client-case.ts';
import type { Seen } from './observation.ts';

const Weather = z.object({ city: z.enum(['Bern', 'Oslo']), warm: z.boolean() });

const gateway: ClientInput = JSON.parse(await text(process.stdin));

type Call = (client: OpenAI, asked: ClientCase) => Promise<Seen>;

const CALLS: Readonly<Record<ClientCase['call'], Call>> = {
  'models.list': async (client) => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids };
  },
  'models.retrieve': async (client, { params }) => {
    const { id, object } = await client.models.retrieve(String(params?.model));
    return { id, object };
  },
  chat: async (client, asked) => chatOf(await client.chat.completions.create(chatBody(asked))),
  'chat.stream': streamChat,
  'chat.stream.helper': async (client, asked) =>
    chatOf(await client.chat.completions.stream({ ...chatBody(asked), stream: true }).finalChatCompletion()),
  // This package knows no other way.
  'chat.stream.async': streamChat,
  'chat.parse': async (client, asked) => {
    const format = zodResponseFormat(Weather, 'Weather');
    const answer = await client.chat.completions.parse({ ...chatBody(asked), response_format: format });
    const [choice] = answer.choices;
    return { parsed: choice?.message.parsed ?? null, finish: choice?.finish_reason };
  },
  'chat.turns': takeTurns,
  'chat.headers': showHeaders,
  'chat.abort': async (client, asked) => {
    const stream = await client.chat.completions.create({ ...chatBody(asked), stream: true });
    let chunks = 0;
    for await (const _chunk of stream) {
      chunks += 1;
      if (chunks === 2) break; // Leaving the loop aborts the request.
    }
    return { chunks };
  },
  'chat.retry': async (client, asked) => {
    const startedMs = performance.now();
    await client.chat.completions.create(chatBody(asked));
    return { hasWaited: performance.now() - startedMs > 900 };
  },
  'chat.retry-after': async (client, asked) => {
    try {
      await client.chat.completions.create(chatBody(asked));
    } catch (error) {
      if (!(error instanceof OpenAI.RateLimitError)) throw error;
      return { ...told(error), hasRetryAfter: Number(error.headers.get('retry-after')) > 0 };
    }
    throw new Error('it was not refused');
  },
  'chat.broken': async (client, asked) => {
    let chunks = 0;
    try {
      for await (const _chunk of await client.chat.completions.create({ ...chatBody(asked), stream: true })) {
        chunks += 1;
      }
    } catch (error) {
      if (!(error instanceof OpenAI.APIError)) throw error;
      return { ...told(error), chunks };
    }
    throw new Error('the stream ended as if it were whole');
  },
  'chat.long': async (client, asked) => {
    const messages = [{ role: 'user' as const, content: 'x'.repeat(asked.count ?? 1) }];
    return chatOf(await client.chat.completions.create({ ...chatBody(asked), messages }));
  },
  'chat.many': async (client, asked) => {
    const all = Array.from({ length: asked.count ?? 1 }, () =>
      client.chat.completions.create(chatBody(asked)),
    );
    const answers = await Promise.all(all);
    return { answered: answers.length, ids: new Set(answers.map(({ id }) => id)).size };
  },
  completions: async (client, asked) => completionOf(await client.completions.create(completionBody(asked))),
  'completions.stream': async (client, asked) => {
    const gathered = new Gathered();
    const stream = await client.completions.create({ ...completionBody(asked), stream: true });
    for await (const chunk of stream) gathered.add(chunk);
    return gathered.whole();
  },
  embeddings: async (client, asked) => {
    const answer = await client.embeddings.create(bodyOf<EmbeddingCreateParams>(asked));
    const { prompt_tokens: prompt, total_tokens: total } = answer.usage;
    return {
      lengths: answer.data.map(({ embedding }) => embedding.length),
      first: answer.data.map(({ embedding: [first = 0] }) => Math.round(first * 10_000) / 10_000),
      usage: { prompt, completion: total - prompt, total },
    };
  },
  responses: async (client, asked) =>
    responseOf(await client.responses.create(bodyOf<ResponseCreateParamsNonStreaming>(asked))),
  'responses.stream': async (client, asked) => {
    const body = bodyOf<ResponseCreateParamsNonStreaming>(asked);
    let said = '';
    let last: ModelResponse | null = null;
    for await (const event of await client.responses.create({ ...body, stream: true })) {
      if (event.type === 'response.output_text.delta') said += event.delta;
      const isEnd = event.type === 'response.completed' || event.type === 'response.incomplete';
      last = isEnd ? event.response : null;
    }
    if (last === null) throw new Error('the last event is not the end');
    return { ...responseOf(last), isWhole: said === textIn(last) };
  },
};

async function run(asked: ClientCase): Promise<Seen> {
  const client = new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey: gateway.keys[asked.key ?? 'all'],
    timeout: (asked.timeoutSeconds ?? 120) * 1_000,
    maxRetries: asked.retries ?? 0,
  });
  try {
    return await CALLS[asked.call](client, asked);
  } catch (error) {
    if (error instanceof OpenAI.APIError) return told(error);
    // A defect of the answer that the package did not take for one.
    return { error: 'crash', message: String(error) };
  }
}

function told(error: InstanceType<typeof OpenAI.APIError>): Seen {
  if (error instanceof OpenAI.APIConnectionTimeoutError) return { error: 'timeout' };
  if (error instanceof OpenAI.APIConnectionError) return { error: 'connection' };
  const status = error.status ?? null;
  // The package for Python has a class of its own for a status that has none.
  const name =
    error.constructor === OpenAI.APIError && status !== null ? 'APIStatusError' : error.constructor.name;
  return {
    error: name,
    status,
    code: error.code === undefined || error.code === null ? null : String(error.code),
    param: error.param ?? null,
  };
}

/** The cases are data that the packages' types know nothing of; what is wrong in them the gateway is to say. */
function bodyOf<Body>({ params, extra }: ClientCase): Body {
  const { extra_headers: _headers, ...body } = { ...params, ...extra };
  return body as Body;
}

function chatBody(asked: ClientCase): ChatCompletionCreateParamsNonStreaming {
  return bodyOf(asked);
}

function completionBody(asked: ClientCase): CompletionCreateParamsNonStreaming {
  return bodyOf(asked);
}

async function streamChat(client: OpenAI, asked: ClientCase): Promise<Seen> {
  const gathered = new Gathered();
  const stream = await client.chat.completions.create({ ...chatBody(asked), stream: true });
  for await (const chunk of stream) gathered.add(chunk);
  return gathered.whole();
}

/** A tool is called, and what it says goes back. */
async function takeTurns(client: OpenAI, asked: ClientCase): Promise<Seen> {
  const body = chatBody(asked);
  const [choice] = (await client.chat.completions.create(body)).choices;
  if (choice === undefined) throw new Error('it has no choice');
  const calls = (choice.message.tool_calls ?? []).map(functionOf);
  const results = calls.map(({ id, name }) => ({
    role: 'tool' as const,
    tool_call_id: id,
    content: `${name}: 21`,
  }));
  const messages = [...body.messages, choice.message, ...results];
  const second = await client.chat.completions.create({ ...body, messages, tool_choice: 'auto' });
  return { called: calls.map(({ name }) => name), ...chatOf(second) };
}

async function showHeaders(client: OpenAI, asked: ClientCase): Promise<Seen> {
  const headers = asked.params?.extra_headers as Record<string, string> | undefined;
  const call = client.chat.completions.create(chatBody(asked), headers && { headers });
  const { response, request_id: told } = await call.withResponse();
  const own = response.headers.get('x-request-id');
  return {
    provider: response.headers.get('x-leash-provider'),
    attempts: response.headers.get('x-leash-attempts'),
    hasRequestId: own !== null && own !== '' && told === own,
    requestId: headers ? own : null,
  };
}

type ToolDelta = { index: number; function?: { name?: string; arguments?: string } };
type Choice = { text: string; finish: string | null; tools: { name: string; arguments: unknown }[] };

/** Chunks of a stream, put together by hand. */
class Gathered {
  readonly #choices: Choice[] = [];
  #usage: Seen | null = null;

  add(chunk: ChatCompletionChunk | Completion): void {
    this.#usage = usageOf(chunk.usage) ?? this.#usage;
    for (const choice of chunk.choices) {
      this.#choices[choice.index] ??= { text: '', finish: null, tools: [] };
      const one = this.#choices[choice.index];
      if (one === undefined) continue;
      one.finish = choice.finish_reason ?? one.finish;
      if ('text' in choice) one.text += choice.text;
      else {
        one.text += choice.delta.content ?? '';
        for (const part of choice.delta.tool_calls ?? []) addPart(one, part);
      }
    }
  }

  whole(): Seen {
    const choices = this.#choices.map(({ tools, ...one }) => ({
      ...one,
      tools: tools.map(({ name, arguments: written }) => ({ name, arguments: parsed(String(written)) })),
    }));
    return { choices, usage: this.#usage };
  }
}

function addPart(one: Choice, part: ToolDelta): void {
  if (part.index === one.tools.length) one.tools.push({ name: part.function?.name ?? '', arguments: '' });
  const tool = one.tools[part.index];
  if (tool !== undefined) tool.arguments = `${tool.arguments}${part.function?.arguments ?? ''}`;
}

function chatOf(answer: ChatCompletion): Seen {
  const choices = answer.choices.map(({ message, finish_reason: finish, logprobs }) => ({
    role: message.role,
    text: message.content ?? '',
    tools: (message.tool_calls ?? []).map((call) => {
      const { name, written } = functionOf(call);
      return { name, arguments: parsed(written) };
    }),
    finish,
    logprobs: logprobs ? (logprobs.content ?? []).length : null,
  }));
  return { model: answer.model, choices, usage: usageOf(answer.usage) };
}

function completionOf(answer: Completion): Seen {
  const choices = answer.choices.map(({ text: said, finish_reason: finish, logprobs }) => ({
    text: said,
    finish,
    logprobs: logprobs ? (logprobs.tokens ?? []).length : null,
  }));
  return { model: answer.model, choices, usage: usageOf(answer.usage) };
}

function responseOf(answer: ModelResponse): Seen {
  const {
    input_tokens: prompt = 0,
    output_tokens: completion = 0,
    total_tokens: total = 0,
  } = answer.usage ?? {};
  const usage = { prompt, completion, total };
  return { status: answer.status, text: textIn(answer), model: answer.model, usage };
}

/** What `output_text` is of a whole answer; events carry it without. */
function textIn({ output }: ModelResponse): string {
  return output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => (part.type === 'output_text' ? part.text : ''))
    .join('');
}

function functionOf(call: ChatCompletionMessageToolCall): { id: string; name: string; written: string } {
  if (call.type !== 'function') throw new Error(`a call of type ${call.type}`);
  return { id: call.id, name: call.function.name, written: call.function.arguments };
}

function usageOf(usage: Completion['usage'] | null): Seen | null {
  if (!usage) return null;
  const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = usage;
  return { prompt, completion, total };
}

function parsed(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    return written;
  }
}

for (const each of gateway.cases) console.log(JSON.stringify({ name: each.name, seen: await run(each) }));
