import { z } from 'zod';

/** One thing an application does with an official package. */
export type ClientCase = {
  readonly name: string;
  readonly call: Call;
  /** As the package takes them; `$model` stands for the target's. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** Fields that the package has no name for. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly key?: keyof Keys;
  readonly retries?: number;
  readonly timeoutSeconds?: number;
  readonly count?: number;
};

export type Call =
  | 'models.list'
  | 'models.retrieve'
  | `chat${'' | '.stream' | '.stream.helper' | '.stream.async' | '.parse' | '.turns' | '.headers' | '.abort'}`
  | `chat.${'retry' | 'retry-after' | 'broken' | 'many' | 'long'}`
  | `completions${'' | '.stream'}`
  | 'embeddings'
  | `responses${'' | '.stream'}`;

/** Keys of the gateway: one for all, one that is none, one that may use another model only. */
export type Keys = { readonly all: string; readonly wrong: string; readonly other: string };

export type ClientInput = {
  readonly url: string;
  readonly keys: Keys;
  readonly cases: readonly ClientCase[];
};

/** Who answers behind the gateway. `real` is a vLLM whose weights are random. */
export type TargetKind = 'vllm' | 'anthropic' | 'real';

/** What must be seen: of each target, or of one as of `vllm` where nothing else is said. */
export type Expected = Partial<Record<TargetKind, z.ZodType>> & { readonly vllm: z.ZodType };

export type Case = ClientCase & { readonly expected: Expected };

export function expectationOf({ expected }: Case, kind: TargetKind): z.ZodType {
  return expected[kind] ?? expected.vllm;
}

/** Models of the providers that misbehave; see `stage.ts`. */
export const MISBEHAVING = ['limited-once', 'limited', 'broken', 'cut', 'silent'] as const;

const words = z.string().min(1);
const usage = z
  .strictObject({ prompt: z.int().positive(), completion: z.int().positive(), total: z.int().positive() })
  .refine(({ prompt, completion, total }) => prompt + completion === total, 'the sum is wrong');

type Told = Partial<Record<'text' | 'finish' | 'tools' | 'logprobs', z.ZodType>>;

const chatChoice = (told: Told) => ({
  role: z.literal('assistant'),
  text: words,
  tools: z.tuple([]),
  finish: z.enum(['stop', 'length']),
  logprobs: z.null(),
  ...told,
});

/** An answer of one choice. */
function answer(told: Told = {}): z.ZodType {
  return z.strictObject({
    model: z.literal('$model'),
    choices: z.tuple([z.strictObject(chatChoice(told))]),
    usage,
  });
}

/** The same, gathered from a stream. */
function gathered(told: Told = {}, counted: z.ZodType = z.null()): z.ZodType {
  const { role: _role, logprobs: _logprobs, ...choice } = chatChoice(told);
  return z.strictObject({ choices: z.tuple([z.strictObject(choice)]), usage: counted });
}

function completion(told: Told = {}): z.ZodType {
  const choice = z.strictObject({ text: words, finish: z.literal('length'), logprobs: z.null(), ...told });
  return z.strictObject({ model: z.literal('$model'), choices: z.tuple([choice]), usage });
}

function refused(
  error: string,
  told: { status: number; code?: z.ZodType | string; param?: string | null },
): z.ZodType {
  const { status, code = z.unknown(), param = null } = told;
  return z.looseObject({
    error: z.literal(error),
    status: z.literal(status),
    code: typeof code === 'string' ? z.literal(code) : code,
    param: z.literal(param),
  });
}

/** What Claude models have no counterpart for is refused by its name, before anything is sent. */
const inexpressible = (param: string) =>
  refused('BadRequestError', { status: 400, code: 'invalid_request', param });
const noSuchCall = refused('NotFoundError', { status: 404, code: 'route_not_served' });
/** Random weights may begin with a token that shows as nothing. */
const anyWords: Told = { text: z.string() };

const TOOLS = [
  ['get_weather', 'city', ['Bern', 'Oslo']],
  ['get_time', 'zone', ['UTC', 'CET']],
].map(([name, field, values]) => ({
  type: 'function',
  function: {
    name,
    description: `The ${field} decides.`,
    strict: true,
    parameters: {
      type: 'object',
      properties: { [String(field)]: { type: 'string', enum: values } },
      required: [field],
      additionalProperties: false,
    },
  },
}));
const [WEATHER_TOOL] = TOOLS;

const weatherCall = z.strictObject({
  name: z.literal('get_weather'),
  arguments: z.strictObject({ city: z.enum(['Bern', 'Oslo']) }),
});
const timeCall = z.strictObject({
  name: z.literal('get_time'),
  arguments: z.strictObject({ zone: z.enum(['UTC', 'CET']) }),
});
/** vLLM says `stop` of a call that was forced by name; Anthropic says why it stopped. */
const FORCED = {
  vllm: { text: z.literal(''), tools: z.tuple([weatherCall]), finish: z.literal('stop') },
  anthropic: { text: z.literal(''), tools: z.tuple([weatherCall]), finish: z.literal('tool_calls') },
};
const BOTH = {
  text: z.literal(''),
  tools: z.tuple([weatherCall, timeCall]),
  finish: z.literal('tool_calls'),
};
const CHOSEN = { text: z.literal(''), tools: z.tuple([weatherCall]), finish: z.literal('tool_calls') };
/** What random weights are forced to is one call at least, of whichever tool. */
const SOME = {
  text: z.literal(''),
  tools: z.array(z.union([weatherCall, timeCall])).min(1),
  finish: z.literal('tool_calls'),
};

const PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const says = (content: unknown, role = 'user') => ({ role, content });
const chat = (more: Record<string, unknown> = {}) => ({
  model: '$model',
  messages: [says('Say hello to the world.')],
  max_tokens: 16,
  ...more,
});
const FORCE = { tools: [WEATHER_TOOL], tool_choice: { type: 'function', function: { name: 'get_weather' } } };
const ASK_WEATHER = { messages: [says('Use get_weather.')], max_tokens: 200 };
const ASK_BOTH = { messages: [says('Use both get_weather and get_time.')], max_tokens: 300 };

export const CASES: readonly Case[] = [
  {
    name: 'models: the list',
    call: 'models.list',
    expected: { vllm: z.strictObject({ ids: z.array(z.string()).refine((ids) => ids.includes('$model')) }) },
  },
  {
    name: 'models: one by its name, slash and all',
    call: 'models.retrieve',
    params: { model: '$model' },
    expected: { vllm: z.strictObject({ id: z.literal('$model'), object: z.literal('model') }) },
  },
  {
    name: 'models: one that nobody serves',
    call: 'models.retrieve',
    params: { model: 'acme/none' },
    expected: { vllm: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }) },
  },
  {
    name: 'models: not shown to a key that may not use it',
    call: 'models.retrieve',
    params: { model: '$model' },
    key: 'other',
    expected: { vllm: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }) },
  },
  { name: 'chat: plain', call: 'chat', params: chat(), expected: { vllm: answer(), real: answer(anyWords) } },
  {
    name: 'chat: without a model of its own',
    call: 'chat',
    params: chat({ model: 'default' }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'chat: streamed',
    call: 'chat.stream',
    params: chat(),
    expected: { vllm: gathered(), real: gathered(anyWords) },
  },
  {
    name: 'chat: streamed with its usage',
    call: 'chat.stream',
    params: chat({ stream_options: { include_usage: true } }),
    expected: { vllm: gathered({}, usage), real: gathered(anyWords, usage) },
  },
  {
    name: 'chat: streamed by the helper',
    call: 'chat.stream.helper',
    // By its end and not by its limit, also where weights are random: the package for Python takes the latter amiss.
    params: chat({ max_tokens: 200, stop: [...'eaotinsr'], stream_options: { include_usage: true } }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'chat: streamed by the asynchronous client',
    call: 'chat.stream.async',
    params: chat(),
    expected: { vllm: gathered(), real: gathered(anyWords) },
  },
  {
    name: 'chat: twenty at once',
    call: 'chat.many',
    count: 20,
    params: chat(),
    expected: { vllm: z.strictObject({ answered: z.literal(20), ids: z.literal(20) }) },
  },
  {
    name: 'chat: system and developer prompts, several turns',
    call: 'chat',
    params: chat({
      messages: [
        says('Be brief.', 'system'),
        says('Speak as a sailor.', 'developer'),
        says('Hello.'),
        says('Ahoy.', 'assistant'),
        says([{ type: 'text', text: 'Go on.' }]),
      ],
    }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'chat: an image',
    call: 'chat',
    params: chat({
      messages: [
        says([
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: PNG } },
        ]),
      ],
    }),
    expected: {
      vllm: refused('BadRequestError', { status: 400 }),
      anthropic: answer({ text: z.string().regex(/I see 1 image/) }),
    },
  },
  {
    name: 'chat: a limit of tokens',
    call: 'chat',
    params: chat({ max_tokens: 3 }),
    expected: {
      vllm: answer({ finish: z.literal('length') }),
      real: answer({ ...anyWords, finish: z.literal('length') }),
    },
  },
  {
    name: 'chat: a limit by its newer name',
    call: 'chat',
    params: { model: '$model', messages: [says('Count.')], max_completion_tokens: 3 },
    expected: {
      vllm: answer({ finish: z.literal('length') }),
      real: answer({ ...anyWords, finish: z.literal('length') }),
    },
  },
  {
    name: 'chat: stop sequences',
    call: 'chat',
    params: chat({ stop: ['.', ','], max_tokens: 200 }),
    expected: {
      vllm: answer({ text: z.string().regex(/^[^.,]+$/), finish: z.literal('stop') }),
      real: answer(anyWords),
    },
  },
  {
    name: 'chat: sampling, a seed, a user',
    call: 'chat',
    params: chat({ temperature: 0.5, seed: 7, presence_penalty: 0.1, user: 'someone' }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'chat: several choices',
    call: 'chat',
    params: chat({ n: 2 }),
    expected: {
      vllm: z.looseObject({ choices: z.array(z.looseObject({ role: z.literal('assistant') })).length(2) }),
      anthropic: inexpressible('n'),
    },
  },
  {
    name: 'chat: several choices, streamed',
    call: 'chat.stream',
    params: chat({ n: 2 }),
    expected: {
      vllm: z.looseObject({ choices: z.array(z.looseObject({ finish: z.string() })).length(2) }),
      anthropic: inexpressible('n'),
    },
  },
  {
    name: 'chat: probabilities of tokens',
    call: 'chat',
    params: chat({ logprobs: true, top_logprobs: 2, max_tokens: 4 }),
    expected: {
      vllm: answer({ ...anyWords, logprobs: z.int().positive() }),
      anthropic: inexpressible('logprobs'),
    },
  },
  {
    name: 'chat: fields that the package does not know',
    call: 'chat',
    params: chat({ max_tokens: 40 }),
    extra: { min_tokens: 40, ignore_eos: true, something_new: { a: 1 } },
    expected: {
      // Passed on, so it runs to its limit.
      vllm: answer({ ...anyWords, finish: z.literal('length') }),
      anthropic: answer({ finish: z.literal('stop') }),
    },
  },
  {
    name: 'chat: headers of the raw answer',
    call: 'chat.headers',
    params: chat(),
    expected: {
      vllm: z.strictObject({
        provider: z.literal('vastai'),
        attempts: z.literal('1'),
        hasRequestId: z.literal(true),
        requestId: z.null(),
      }),
      anthropic: z.looseObject({ provider: z.literal('anthropic'), hasRequestId: z.literal(true) }),
    },
  },
  {
    name: 'chat: an id that the caller gave',
    call: 'chat.headers',
    params: chat({ extra_headers: { 'x-request-id': 'caller-7' } }),
    expected: { vllm: z.looseObject({ hasRequestId: z.literal(true), requestId: z.literal('caller-7') }) },
  },
  {
    name: 'tools: a forced call',
    call: 'chat',
    params: chat({ ...ASK_WEATHER, ...FORCE }),
    expected: { vllm: answer(FORCED.vllm), anthropic: answer(FORCED.anthropic) },
  },
  {
    name: 'tools: a forced call, streamed',
    call: 'chat.stream',
    params: chat({ ...ASK_WEATHER, ...FORCE }),
    expected: { vllm: gathered(FORCED.vllm), anthropic: gathered(FORCED.anthropic) },
  },
  {
    name: 'tools: a forced call, streamed by the helper',
    call: 'chat.stream.helper',
    params: chat({ ...ASK_WEATHER, ...FORCE, stream_options: { include_usage: true } }),
    expected: { vllm: answer(FORCED.vllm), anthropic: answer(FORCED.anthropic) },
  },
  {
    name: 'tools: the model chooses',
    call: 'chat',
    params: chat({ ...ASK_WEATHER, max_tokens: 24, tools: [WEATHER_TOOL] }),
    expected: { vllm: answer(CHOSEN), real: answer(anyWords) },
  },
  {
    name: 'tools: none',
    call: 'chat',
    params: chat({ ...ASK_WEATHER, max_tokens: 16, tools: TOOLS, tool_choice: 'none' }),
    expected: { vllm: answer(), real: answer(anyWords) },
  },
  {
    name: 'tools: two calls at once',
    call: 'chat',
    params: chat({ ...ASK_BOTH, tools: TOOLS, tool_choice: 'required' }),
    expected: { vllm: answer(BOTH), real: answer(SOME) },
  },
  {
    name: 'tools: two calls at once, streamed',
    call: 'chat.stream',
    params: chat({ ...ASK_BOTH, tools: TOOLS, tool_choice: 'required' }),
    expected: { vllm: gathered(BOTH), real: gathered(SOME) },
  },
  {
    name: 'tools: two calls at once, streamed by the helper',
    call: 'chat.stream.helper',
    params: chat({
      ...ASK_BOTH,
      tools: TOOLS,
      tool_choice: 'required',
      stream_options: { include_usage: true },
    }),
    expected: { vllm: answer(BOTH), real: answer(SOME) },
  },
  {
    name: 'tools: one call at a time',
    call: 'chat',
    params: chat({ ...ASK_BOTH, tools: TOOLS, tool_choice: 'required', parallel_tool_calls: false }),
    expected: {
      vllm: answer(CHOSEN),
      real: answer({ ...SOME, tools: z.tuple([z.union([weatherCall, timeCall])]) }),
    },
  },
  {
    name: 'tools: their results go back in a second turn',
    call: 'chat.turns',
    params: chat({ ...ASK_WEATHER, ...FORCE, max_tokens: 100 }),
    expected: {
      vllm: z.looseObject({
        called: z.tuple([z.literal('get_weather')]),
        choices: z.array(z.looseObject({ tools: z.tuple([]) })),
      }),
      anthropic: z.looseObject({
        called: z.tuple([z.literal('get_weather')]),
        choices: z.tuple([z.looseObject({ text: z.string().regex(/get_weather: 21/) })]),
      }),
      real: z.looseObject({ called: z.tuple([z.literal('get_weather')]) }),
    },
  },
  {
    name: 'tools: a forced tool that is none of them',
    call: 'chat',
    params: chat({
      tools: [WEATHER_TOOL],
      tool_choice: { type: 'function', function: { name: 'get_rain' } },
    }),
    expected: {
      vllm: refused('BadRequestError', { status: 400 }),
      anthropic: refused('BadRequestError', {
        status: 400,
        code: 'invalid_request',
        param: 'tool_choice.function.name',
      }),
    },
  },
  {
    name: 'JSON: by a schema, parsed',
    call: 'chat.parse',
    params: chat({ messages: [says('The weather in Bern?')], max_tokens: 200 }),
    expected: {
      vllm: z.strictObject({
        parsed: z.strictObject({ city: z.enum(['Bern', 'Oslo']), warm: z.boolean() }),
        finish: z.literal('stop'),
      }),
    },
  },
  {
    name: 'JSON: any object',
    call: 'chat',
    params: chat({ response_format: { type: 'json_object' }, max_tokens: 200 }),
    expected: {
      vllm: answer({ text: z.string().regex(/^\s*\{/), finish: z.literal('stop') }),
      real: answer({ text: z.string().regex(/^\s*\{/) }),
    },
  },
  {
    name: 'completions: plain',
    call: 'completions',
    params: { model: '$model', prompt: 'Once upon a time', max_tokens: 4 },
    expected: { vllm: completion(), real: completion(anyWords) },
  },
  {
    name: 'completions: streamed with its usage',
    call: 'completions.stream',
    params: {
      model: '$model',
      prompt: 'Once upon a time',
      max_tokens: 4,
      stream_options: { include_usage: true },
    },
    expected: {
      vllm: z.strictObject({
        choices: z.tuple([z.looseObject({ text: z.string(), finish: z.literal('length') })]),
        usage,
      }),
    },
  },
  {
    name: 'completions: probabilities of tokens',
    call: 'completions',
    params: { model: '$model', prompt: 'Once upon a time', max_tokens: 4, logprobs: 2 },
    expected: {
      vllm: completion({ ...anyWords, logprobs: z.literal(4) }),
      anthropic: inexpressible('logprobs'),
    },
  },
  {
    name: 'embeddings: as the package asks for them',
    call: 'embeddings',
    params: { model: '$embedding', input: ['one text', 'another'] },
    expected: {
      vllm: embedded(2),
      anthropic: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }),
    },
  },
  {
    name: 'embeddings: as numbers',
    call: 'embeddings',
    params: { model: '$embedding', input: 'one text', encoding_format: 'float' },
    expected: {
      vllm: embedded(1),
      anthropic: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }),
    },
  },
  {
    name: 'embeddings: of a model that has none',
    call: 'embeddings',
    params: { model: '$model', input: 'one text' },
    expected: { vllm: noSuchCall },
  },
  {
    name: 'responses: plain',
    call: 'responses',
    params: { model: '$model', input: 'Say hello.', max_output_tokens: 8 },
    expected: { vllm: responded(words), anthropic: noSuchCall, real: responded(z.string()) },
  },
  {
    name: 'responses: streamed',
    call: 'responses.stream',
    params: { model: '$model', input: 'Say hello.', max_output_tokens: 8 },
    expected: { vllm: responded(words, true), anthropic: noSuchCall, real: responded(z.string(), true) },
  },
  {
    name: 'errors: a wrong key',
    call: 'chat',
    params: chat(),
    key: 'wrong',
    expected: { vllm: refused('AuthenticationError', { status: 401, code: 'invalid_api_key' }) },
  },
  {
    name: 'errors: a model that the key may not use',
    call: 'chat.stream',
    params: chat(),
    key: 'other',
    expected: {
      vllm: refused('PermissionDeniedError', { status: 403, code: 'model_not_allowed', param: 'model' }),
    },
  },
  {
    name: 'errors: a model that nobody serves',
    call: 'chat.stream',
    params: chat({ model: 'gpt-none' }),
    expected: { vllm: refused('NotFoundError', { status: 404, code: 'model_not_found', param: 'model' }) },
  },
  {
    name: 'errors: a temperature out of range',
    call: 'chat.stream',
    params: chat({ temperature: -1 }),
    expected: { vllm: refused('BadRequestError', { status: 400, param: 'temperature' }) },
  },
  {
    name: 'errors: no messages',
    call: 'chat',
    params: chat({ messages: [] }),
    expected: { vllm: refused('BadRequestError', { status: 400 }), anthropic: inexpressible('messages') },
  },
  {
    name: 'errors: more than a request may be',
    call: 'chat.long',
    params: chat(),
    count: 33 * 1_024 * 1_024,
    expected: { vllm: refused('APIStatusError', { status: 413, code: 'request_too_large' }) },
  },
  {
    name: 'errors: a provider that has too much to do',
    call: 'chat.retry-after',
    params: chat({ model: 'limited' }),
    expected: {
      vllm: refused('RateLimitError', { status: 429 }).and(z.looseObject({ hasRetryAfter: z.literal(true) })),
    },
  },
  {
    name: 'errors: one that has room after the time it named',
    call: 'chat.retry',
    params: chat({ model: 'limited-once' }),
    retries: 2,
    expected: { vllm: z.strictObject({ hasWaited: z.literal(true) }) },
  },
  {
    name: 'errors: a provider that fails',
    call: 'chat.stream',
    params: chat({ model: 'broken' }),
    expected: { vllm: refused('InternalServerError', { status: 500 }) },
  },
  {
    name: 'errors: a stream that breaks off',
    call: 'chat.broken',
    params: chat({ model: 'cut' }),
    expected: {
      vllm: z.strictObject({
        error: z.literal('APIError'),
        status: z.null(),
        code: z.literal('upstream_interrupted'),
        param: z.null(),
        chunks: z.literal(2),
      }),
    },
  },
  {
    name: 'leaving: a time limit of the caller',
    call: 'chat',
    params: chat({ model: 'silent' }),
    timeoutSeconds: 0.5,
    expected: { vllm: z.strictObject({ error: z.literal('timeout') }) },
  },
  {
    name: 'leaving: a stream that is not read to its end',
    call: 'chat.abort',
    params: chat({ messages: [says('Tell me a long story.')], max_tokens: 400 }),
    extra: { ignore_eos: true },
    expected: { vllm: z.strictObject({ chunks: z.literal(2) }) },
  },
];

function embedded(count: number): z.ZodType {
  return z.strictObject({
    lengths: z.array(z.int().min(2)).length(count),
    first: z.array(z.number()).length(count),
    usage: z.strictObject({
      prompt: z.int().positive(),
      completion: z.literal(0),
      total: z.int().positive(),
    }),
  });
}

function responded(text: z.ZodType, isStream = false): z.ZodType {
  return z.strictObject({
    status: z.enum(['completed', 'incomplete']),
    text,
    model: z.literal('$model'),
    usage,
    ...(isStream && { isWhole: z.literal(true) }),
  });
}
