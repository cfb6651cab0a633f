import { z } from 'zod';
import type { Case } from './client-case.ts';
import { answer, anyWords, gathered, refused } from './expectations.ts';
import { chat, says } from './requests.ts';

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

const FORCE = { tools: [WEATHER_TOOL], tool_choice: { type: 'function', function: { name: 'get_weather' } } };
const ASK_WEATHER = { messages: [says('Use get_weather.')], max_tokens: 200 };
const ASK_BOTH = { messages: [says('Use both get_weather and get_time.')], max_tokens: 300 };

/** Tools, and answers in a form that was asked for. */
export const TOOL_CASES: readonly Case[] = [
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
];
