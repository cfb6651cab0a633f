import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompletionStream, chatCompletion } from '../../../src/gateway/anthropic/translation.ts';
import type { AnswerBlock, AnswerMessage } from '../../support/anthropic-answers.ts';
import { eventBytes, eventsOf } from '../../support/anthropic-events.ts';
import { asGathered, chunksOf, dataOf, gathered, through } from './reading-completions.ts';

const OPTIONS = { model: 'claude-haiku-4-5', createdSec: 1_800_000_000 };

const CONTENT: AnswerBlock[] = [
  { type: 'thinking', thinking: 'Hm — 雪.', signature: 'Eq==' },
  { type: 'text', text: 'Ça va 😀\r\n\n data: [DONE]\n\n' },
  { type: 'tool_use', id: 'toolu_1', name: 'look', input: { where: 'Zürich "雪"\n' } },
  { type: 'tool_use', id: 'toolu_2', name: 'wait', input: {} },
];

function aMessage(rest: Partial<AnswerMessage> = {}): AnswerMessage {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-haiku-4-5-20251001',
    content: CONTENT,
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage: { input_tokens: 10, cache_read_input_tokens: 5, cache_creation_input_tokens: 2, output_tokens: 9 },
    ...rest,
  };
}

const aStream = (rest: object = {}) => new CompletionStream({ ...OPTIONS, includeUsage: true, ...rest });
const bytesOf = (message: AnswerMessage, options = {}) => Buffer.concat(eventsOf(message, options));

describe('a stream that ends well', () => {
  test('is an answer in chunks, and [DONE]', () => {
    const message = aMessage({ content: [{ type: 'text', text: 'Hello' }], stop_reason: 'end_turn' });
    const chunks = chunksOf(through(aStream(), eventsOf(message)));
    const head = {
      id: 'chatcmpl-msg_1',
      object: 'chat.completion.chunk',
      created: 1_800_000_000,
      model: 'claude-haiku-4-5',
    };
    const choice = { index: 0, logprobs: null, finish_reason: null };
    expect(chunks).toEqual([
      { ...head, usage: null, choices: [{ ...choice, delta: { role: 'assistant', content: '' } }] },
      { ...head, usage: null, choices: [{ ...choice, delta: { content: 'Hello' } }] },
      { ...head, usage: null, choices: [{ ...choice, delta: {}, finish_reason: 'stop' }] },
      {
        ...head,
        choices: [],
        usage: {
          prompt_tokens: 17,
          completion_tokens: 9,
          total_tokens: 26,
          prompt_tokens_details: { cached_tokens: 5 },
        },
      },
    ]);
  });

  test('tells usage only where it was asked for, and to the gateway always', () => {
    const stream = aStream({ includeUsage: false });
    const chunks = chunksOf(through(stream, eventsOf(aMessage())));
    expect(chunks.filter((chunk) => 'usage' in chunk || chunk.choices.length === 0)).toEqual([]);
    expect(stream).toMatchObject({ isDone: true, failure: null });
    expect(stream.usage).toMatchObject({
      promptTokens: 17,
      completionTokens: 9,
      cacheReadTokens: 5,
      cacheWriteTokens: 2,
    });
  });

  test('is [DONE] at message_stop, not when the connection ends', () => {
    const stream = aStream();
    const out = stream.push(bytesOf(aMessage()));
    expect(dataOf(out).at(-1)).toBe('[DONE]');
    expect(stream.push(Buffer.from('data: {"type":"ping"}\n\n'))).toHaveLength(0);
    expect(stream.end()).toHaveLength(0);
  });

  test('of the completions route is text', () => {
    const message = aMessage({ content: [{ type: 'text', text: 'Hello there' }], stop_reason: 'max_tokens' });
    const chunks = chunksOf(through(aStream({ route: 'completions' }), eventsOf(message)));
    expect(chunks.every(({ object, id }) => object === 'text_completion' && id === 'cmpl-msg_1')).toBe(true);
    expect(chunks.flatMap(({ choices }) => choices.map(({ text }) => text)).join('')).toBe('Hello there');
    expect(
      chunks.flatMap(({ choices }) => choices.flatMap(({ finish_reason: reason }) => reason ?? [])),
    ).toEqual(['length']);
  });

  test('pings keep the connection alive without being chunks, once the answer has begun', () => {
    const ping = eventBytes({ type: 'ping' });
    const stream = aStream();
    const [start, block, ...rest] = eventsOf(aMessage());
    expect(stream.push(Buffer.concat([start ?? ping, ping]))).toHaveLength(0);
    stream.push(block ?? ping);
    expect(stream.push(ping).toString()).toBe(': ping\n\n');
    expect(dataOf(stream.push(Buffer.concat(rest))).at(-1)).toBe('[DONE]');
  });

  test('new kinds of events, blocks and deltas are passed over', () => {
    const news = [
      { type: 'news' },
      { type: 'content_block_start', index: 9, content_block: { type: 'news', text: 'no' } },
      { type: 'content_block_delta', index: 9, delta: { type: 'news_delta', text: 'no' } },
      { type: 'content_block_stop', index: 9 },
    ];
    const [start, ...rest] = eventsOf(aMessage());
    const pieces = [start ?? Buffer.alloc(0), ...news.map((event) => eventBytes(event)), ...rest];
    expect(gathered(chunksOf(through(aStream(), pieces)))).toEqual(
      asGathered(chatCompletion(aMessage(), OPTIONS)),
    );
  });

  test('a refusal comes with its words and as content_filter', () => {
    const details = { type: 'refusal', category: null, explanation: 'Declined.' } as const;
    const message = aMessage({ content: [], stop_reason: 'refusal', stop_details: details });
    expect(gathered(chunksOf(through(aStream(), eventsOf(message))))).toMatchObject({
      refusal: 'Declined.',
      reasons: ['content_filter'],
    });
  });

  test.each(['\n', '\r\n'] as const)('may be cut at every byte, lines ending in %j', (lineEnd) => {
    const bytes = bytesOf(aMessage(), { lineEnd, pieceCharacters: 12 });
    const whole = through(aStream(), [bytes]);
    for (let at = 1; at < bytes.length; at++) {
      const cut = through(aStream(), [bytes.subarray(0, at), bytes.subarray(at)]);
      if (!cut.equals(whole)) expect.fail(`cut at ${at}: ${cut}`);
    }
  });

  test.each(['\n', '\r\n', '\r'])('may tell an event’s data in several lines, ending in %j', (lineEnd) => {
    const lines = eventsOf(aMessage()).map((event) => event.toString().replace('{"type"', '{\ndata:"type"'));
    const pieces = lines.map((event) => Buffer.from(event.replaceAll('\n', lineEnd)));
    expect(through(aStream(), pieces)).toEqual(through(aStream(), [bytesOf(aMessage())]));
  });

  test('is the same whatever pieces it comes in, and lines may end in CR alone', () => {
    fc.assert(
      fc.property(cutting(), fc.constantFrom('\n', '\r\n', '\r'), (sizes, lineEnd) => {
        const bytes = Buffer.from(bytesOf(aMessage()).toString().replaceAll('\n', lineEnd));
        expect(through(aStream(), pieced(bytes, sizes))).toEqual(through(aStream(), [bytesOf(aMessage())]));
      }),
      { numRuns: 200 },
    );
  });

  test('says what the same answer says that comes whole', () => {
    fc.assert(
      fc.property(
        anAnswer(),
        cutting(),
        fc.integer({ min: 1, max: 9 }),
        (message, sizes, pieceCharacters) => {
          const streamed = through(aStream(), pieced(bytesOf(message, { pieceCharacters }), sizes));
          expect(gathered(chunksOf(streamed))).toEqual(asGathered(chatCompletion(message, OPTIONS)));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a stream that does not', () => {
  test('ends with an error and without [DONE], wherever it is cut', () => {
    const bytes = bytesOf(aMessage(), { pieceCharacters: 12 });
    const stop = bytes.lastIndexOf('\n', bytes.length - 2);
    for (let at = 0; at <= stop; at++) {
      const stream = aStream();
      const data = dataOf(through(stream, [bytes.subarray(0, at)]));
      const last = JSON.parse(data.at(-1) ?? '{}');
      if (data.includes('[DONE]') || stream.isDone || last.error?.code !== 'upstream_interrupted') {
        expect.fail(`cut at ${at}: ${data.at(-1)}`);
      }
    }
  });

  test('an error event of Anthropic’s is the last thing that comes', () => {
    const stream = aStream();
    const [start, block, ...rest] = eventsOf(aMessage());
    const error = eventBytes({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
    const out = through(
      stream,
      [start, block, error, ...rest].flatMap((event) => event ?? []),
    );
    expect(JSON.parse(dataOf(out).at(-1) ?? '')).toEqual({
      error: {
        message: 'Anthropic is overloaded.',
        type: 'server_error',
        param: null,
        code: 'upstream_overloaded',
      },
    });
    expect(stream).toMatchObject({ isDone: false, failure: { status: 503 } });
  });

  test('until the model begins to answer nothing comes out, so that another provider can be asked', () => {
    const stream = aStream();
    expect(stream.push(eventsOf(aMessage())[0] ?? Buffer.alloc(0))).toHaveLength(0);
    expect(stream.failure).toBeNull();
    stream.push(eventBytes({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }));
    expect(stream.failure).toMatchObject({ code: 'upstream_overloaded' });
  });

  test.each([
    ['HTML', '<html>\n\n</html>\n\ndata: <p>\n\n'],
    ['half an event', 'data: {"type":\n\n'],
    ['a list', 'data: []\n\n'],
  ])('%s is an error', (_name, garbage) => {
    const stream = aStream();
    expect(JSON.parse(dataOf(through(stream, [Buffer.from(garbage)])).at(-1) ?? '')).toMatchObject({
      error: { code: 'upstream_garbled' },
    });
    expect(stream.end()).toHaveLength(0);
  });

  test('an event that does not end is not held for ever', () => {
    const stream = aStream();
    const out: Buffer[] = [];
    let pushed = 0;
    for (; stream.failure === null && pushed < 64; pushed++)
      out.push(stream.push(Buffer.alloc(64 * 1_024, 'x')));
    expect(pushed).toBeLessThan(20);
    expect(dataOf(Buffer.concat(out))).toHaveLength(1);
    const lines = aStream();
    for (pushed = 0; lines.failure === null && pushed < 64; pushed++)
      lines.push(Buffer.from(`data: ${'x'.repeat(64 * 1_024)}\n`));
    expect(pushed).toBeLessThan(20);
  });

  test('a stop without a reason for it is an interruption', () => {
    const events = eventsOf(aMessage()).filter((event) => !event.includes('"message_delta"'));
    expect(JSON.parse(dataOf(through(aStream(), events)).at(-1) ?? '')).toMatchObject({
      error: { code: 'upstream_interrupted' },
    });
  });
});

/** Sizes of pieces, repeated until all is cut. */
function cutting() {
  return fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });
}

function pieced(bytes: Buffer, sizes: number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

function anAnswer(): fc.Arbitrary<AnswerMessage> {
  const words = fc.string({ unit: 'grapheme', maxLength: 30 });
  const block: fc.Arbitrary<AnswerBlock> = fc.oneof(
    words.map((text) => ({ type: 'text' as const, text })),
    words.map((thinking) => ({ type: 'thinking' as const, thinking, signature: 'Eq==' })),
    fc.constant({ type: 'redacted_thinking' as const, data: 'Eq==' }),
    fc
      .tuple(fc.uuid(), fc.dictionary(words, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }))
      .map(([id, input]) => ({
        type: 'tool_use' as const,
        id,
        name: 'look',
        input: JSON.parse(JSON.stringify(input)),
      })),
  );
  const tokens = fc.nat(100_000);
  return fc
    .record({
      content: fc.array(block, { maxLength: 5 }),
      stop_reason: fc.constantFrom(
        'end_turn',
        'max_tokens',
        'stop_sequence',
        'tool_use',
        'pause_turn',
        'model_context_window_exceeded',
      ),
      usage: fc.record({
        input_tokens: tokens,
        output_tokens: tokens,
        cache_read_input_tokens: tokens,
        cache_creation_input_tokens: tokens,
      }),
    })
    .map((rest) => aMessage(rest));
}
