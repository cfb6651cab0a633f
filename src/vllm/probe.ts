import { z } from 'zod';
import { type Exchange, exchange, type ProbeOptions } from './exchange.ts';
import { countModelsCalls, toUsage, type UsageReading } from './usage.ts';

export type { ProbeOptions } from './exchange.ts';

/** Why an instance does not serve, in words for people, and whether the fault is on our side of the wire. */
export type NotServing = {
  readonly kind: 'not-serving';
  readonly why: string;
  /** True when our own machine could not ask: to be counted apart from failures of the instance. */
  readonly isOurFault: boolean;
  /** Something answered at the port, though not as our model does. */
  readonly wasAnswered: boolean;
  /** It could not show the certificate made for the instance: somebody else is there, and got no key of ours. */
  readonly isUntrusted: boolean;
};

/** The key was not taken: another process answers there, or the instance was started with another key. */
export type Unauthorized = { readonly kind: 'unauthorized' };

export type ModelsAnswer =
  | { readonly kind: 'models'; readonly ids: readonly string[] }
  | Unauthorized
  | NotServing;
export type TokenAnswer = { readonly kind: 'generated' } | Unauthorized | NotServing;
export type Readiness = { readonly kind: 'serving' } | Unauthorized | NotServing;

export type GenerateOptions = ProbeOptions & { readonly isPooling?: boolean };
export type ReadinessOptions = GenerateOptions & {
  /**
   * For the one token. The first one of a cold server took 13 to 35 s on a real vLLM that named its model at
   * once, and one given up is begun anew by the next probe: too short a wait never sees it READY.
   */
  readonly tokenTimeoutMs?: number;
};

/**
 * READY as the session means it: the server takes our key, names the model, and generates one token (one
 * embedding of a pooling model). `/health` proves none of these: proxies and half-started servers answer it.
 *
 * Leaves one finished request of ours in the instance's counters when it says `serving`.
 */
export async function isServing(
  endpoint: string,
  key: string,
  model: string,
  options: ReadinessOptions,
): Promise<Readiness> {
  const answer = await askModels(endpoint, key, options);
  if (answer.kind !== 'models') return answer;
  if (!answer.ids.includes(model)) {
    return notServing(`it serves ${answer.ids.join(', ') || 'no model'}, not ${model}`);
  }
  const timeoutMs = options.tokenTimeoutMs ?? Math.max(options.timeoutMs, TOKEN_TIMEOUT_MS);
  const token = await generateOneToken(endpoint, key, model, { ...options, timeoutMs });
  return token.kind === 'generated' ? { kind: 'serving' } : token;
}

/** The models that the server names to a caller with `key`. */
export async function askModels(endpoint: string, key: string, options: ProbeOptions): Promise<ModelsAnswer> {
  const answer = await exchange({ endpoint, path: '/v1/models', key }, options);
  const refusal = toRefusal(answer, '/v1/models');
  if (refusal !== null) return refusal;
  const list = modelList.safeParse(toJson(answer));
  if (!list.success) return notServing('/v1/models answers 200, but with no list of models');
  return { kind: 'models', ids: list.data.data.map((model) => model.id) };
}

/**
 * Has the model produce the least it can: one token, or one embedding.
 *
 * Base models have no chat template and refuse the chat route; they are asked for a plain completion.
 */
export async function generateOneToken(
  endpoint: string,
  key: string,
  model: string,
  options: GenerateOptions,
): Promise<TokenAnswer> {
  const send = (path: string, json: unknown) => exchange({ endpoint, path, key, json }, options);
  if (options.isPooling === true) {
    const answer = await send('/v1/embeddings', { model, input: PROMPT });
    return toTokenAnswer(answer, { path: '/v1/embeddings', shape: embedding });
  }
  const chat = { model, messages: [{ role: 'user', content: PROMPT }], max_tokens: 1 };
  const answer = await send('/v1/chat/completions', chat);
  if (!(answer.kind === 'answered' && NO_CHAT_HERE.has(answer.status))) {
    return toTokenAnswer(answer, { path: '/v1/chat/completions', shape: completion });
  }
  const plain = await send('/v1/completions', { model, prompt: PROMPT, max_tokens: 1 });
  return toTokenAnswer(plain, { path: '/v1/completions', shape: completion });
}

/** How much the instance has been used. The page is open to all, so no key is sent to it. */
export async function readUsage(endpoint: string, options: ProbeOptions): Promise<UsageReading> {
  const answer = await exchange({ endpoint, path: '/metrics' }, options);
  if (answer.kind === 'no-answer') return { kind: 'unreadable', why: answer.why };
  if (answer.status !== 200) return { kind: 'unreadable', why: `/metrics answers ${answer.status}` };
  return toUsage(answer.text);
}

/** Whether a guard at the instance could tell that we called. */
export type GuardSight =
  | { readonly kind: 'counts' }
  | { readonly kind: 'blind'; readonly why: string }
  /** It could not be read now: that says nothing of the image. */
  | { readonly kind: 'unreadable'; readonly why: string };

/** Calls `/v1/models` between two readings of the counter that the instance's guard goes by, which must move. */
export async function seesOurCalls(
  endpoint: string,
  key: string,
  options: ProbeOptions,
): Promise<GuardSight> {
  const before = await readModelsCalls(endpoint, options);
  if (before.kind !== 'read') return before;
  const answer = await askModels(endpoint, key, options);
  if (answer.kind !== 'models')
    return { kind: 'unreadable', why: '/v1/models did not answer between two looks' };
  const after = await readModelsCalls(endpoint, options);
  if (after.kind !== 'read') return after;
  if (after.calls !== before.calls) return { kind: 'counts' };
  return {
    kind: 'blind',
    why: `http_requests_total of GET /v1/models stood at ${after.calls} before and after a call`,
  };
}

async function readModelsCalls(
  endpoint: string,
  options: ProbeOptions,
): Promise<{ kind: 'read'; calls: number } | Extract<GuardSight, { why: string }>> {
  const answer = await exchange({ endpoint, path: '/metrics' }, options);
  if (answer.kind === 'no-answer') return { kind: 'unreadable', why: answer.why };
  // An image without the page counts nothing, now or later.
  if (answer.status === 404) return { kind: 'blind', why: '/metrics answers 404' };
  if (answer.status !== 200) return { kind: 'unreadable', why: `/metrics answers ${answer.status}` };
  return { kind: 'read', calls: countModelsCalls(answer.text) };
}

const TOKEN_TIMEOUT_MS = 60_000;
const PROMPT = 'Hi';
/** 400: no chat template; 404: an image that serves without the chat route. An unknown model fails again. */
const NO_CHAT_HERE: ReadonlySet<number> = new Set([400, 404]);

const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });
/** A token that ends the text leaves it empty, so the text proves nothing; the count does. */
const completion = z.object({
  choices: z.array(z.unknown()).min(1),
  usage: z.object({ completion_tokens: z.number().min(1) }).optional(),
});
const embedding = z.object({ data: z.array(z.object({ embedding: z.array(z.number()).min(1) })).min(1) });

function toTokenAnswer(answer: Exchange, { path, shape }: { path: string; shape: z.ZodType }): TokenAnswer {
  const refusal = toRefusal(answer, path);
  if (refusal !== null) return refusal;
  if (!shape.safeParse(toJson(answer)).success)
    return notServing(`${path} answers 200, but generated nothing`);
  return { kind: 'generated' };
}

function toRefusal(answer: Exchange, path: string): Unauthorized | NotServing | null {
  if (answer.kind === 'no-answer') {
    const { why, isOurFault, isUntrusted } = answer;
    return { kind: 'not-serving', why, isOurFault, isUntrusted, wasAnswered: isUntrusted };
  }
  if (answer.status === 200) return null;
  if (answer.status === 401 || answer.status === 403) return { kind: 'unauthorized' };
  return notServing(`${path} answers ${answer.status}${errorMessage(answer)}`);
}

const errorBody = z.object({ error: z.object({ message: z.string() }) });
const MESSAGE_CHARACTERS_MAX = 200;

/** vLLM's own words for the failure, cut short: whoever listens there chooses them. */
function errorMessage(answer: Exchange): string {
  const body = errorBody.safeParse(toJson(answer));
  if (!body.success) return '';
  const oneLine = body.data.error.message.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return `: ${oneLine.slice(0, MESSAGE_CHARACTERS_MAX)}`;
}

function toJson(answer: Exchange): unknown {
  if (answer.kind === 'no-answer') return null;
  try {
    return JSON.parse(answer.text);
  } catch {
    return null; // Not JSON: the shapes refuse null, with words of their own.
  }
}

function notServing(why: string): NotServing {
  return { kind: 'not-serving', why, isOurFault: false, isUntrusted: false, wasAnswered: true };
}
