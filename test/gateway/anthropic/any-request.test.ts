import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messagesRequest } from '../../../src/gateway/anthropic/translation.ts';
import { Refusal } from '../../../src/gateway/errors.ts';
import { MODELS } from '../../support/anthropic-models.ts';
import { readRequest } from '../../support/anthropic-request.ts';

describe('any request', () => {
  test('that is translated is one the API takes; any other is refused with a field’s name', () => {
    const counts = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(aChat(), fc.constantFrom(...Object.keys(MODELS)), (chat, model) => {
        const translated = translatedOrRefused(chat, model);
        if (translated instanceof Refusal) {
          counts.refused += 1;
          expect(translated.error).toMatchObject({ status: 400, param: expect.any(String) });
          return;
        }
        counts.taken += 1;
        readRequest(JSON.parse(JSON.stringify(translated)));
      }),
      { numRuns: 2_000 },
    );
    // Both have to be tried, or this says nothing.
    expect(counts.taken).toBeGreaterThan(600);
    expect(counts.refused).toBeGreaterThan(50);
  });
});

function translatedOrRefused(
  chat: Record<string, unknown>,
  model: string,
): Record<string, unknown> | Refusal {
  try {
    return messagesRequest('chat/completions', chat, { model, maxTokensDefault: 1_000 }).body;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Chats as clients send them, with calls answered or not, blank texts, odd ids and all settings. */
function aChat(): fc.Arbitrary<Record<string, unknown>> {
  const words = fc.oneof(
    { weight: 4, arbitrary: fc.string({ maxLength: 12 }) },
    { weight: 1, arbitrary: fc.constantFrom('', ' ', '\n') },
  );
  const id = fc.constantFrom('a', 'b', 'call_0', 'functions.look:0', 'ä', 'x'.repeat(80));
  const content = fc.oneof(
    words,
    fc.array(
      fc.oneof(
        words.map((text) => ({ type: 'text', text })),
        fc
          .constantFrom('data:image/png;base64,aGVsbG8=', 'https://example.com/a.png')
          .map((url) => ({ type: 'image_url', image_url: { url } })),
      ),
      { maxLength: 3 },
    ),
  );
  const schema = fc.constantFrom<unknown>(
    undefined,
    {
      type: 'object',
      properties: {
        a: { type: 'string', minLength: 2 },
        b: { oneOf: [{ type: 'object', properties: {} }, { type: 'null' }] },
      },
    },
    {
      properties: {
        list: { type: 'array', items: { type: ['object', 'null'], patternProperties: {} }, maxItems: 3 },
      },
    },
    { type: 'object', additionalProperties: { type: 'string' } },
  );
  const round = fc.uniqueArray(id, { maxLength: 3 }).chain((ids) =>
    fc
      .tuple(
        fc.shuffledSubarray(ids, { minLength: Math.max(0, ids.length - (ids.length > 2 ? 1 : 0)) }),
        words,
        content,
      )
      .map(([answeredIds, said, shown]) => [
        {
          role: 'assistant',
          content: said,
          tool_calls: ids.map((each) => ({
            id: each,
            type: 'function',
            function: { name: 'look', arguments: '{"a": [1]}' },
          })),
        },
        ...answeredIds.map((each) => ({ role: 'tool', tool_call_id: each, content: shown })),
      ]),
  );
  const spoken = fc.oneof(
    { weight: 4, arbitrary: content.map((said) => [{ role: 'user', content: said }]) },
    { weight: 1, arbitrary: words.map((said) => [{ role: 'assistant', content: said }]) },
    { weight: 1, arbitrary: words.map((said) => [{ role: 'developer', content: said }]) },
    { weight: 2, arbitrary: round },
  );
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  return fc.record({
    messages: fc
      .tuple(fc.array(spoken, { maxLength: 6 }), words)
      .map(([said, last]) => [...said.flat(), { role: 'user', content: last }]),
    tools: maybe(
      fc
        .tuple(schema, fc.boolean())
        .map(([parameters, strict]) => [
          { type: 'function', function: { name: 'look', parameters, strict } },
        ]),
    ),
    tool_choice: fc.constantFrom(undefined, undefined, 'auto', 'none', 'required', {
      type: 'function',
      function: { name: 'look' },
    }),
    parallel_tool_calls: maybe(fc.boolean()),
    max_tokens: maybe(fc.integer({ min: 1, max: 1_000_000 })),
    temperature: maybe(fc.double({ min: 0, max: 2, noNaN: true })),
    top_p: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
    stop: fc.constantFrom<unknown>(undefined, null, 'END', ['a', ''], '\n'),
    user: maybe(fc.string({ maxLength: 400 })),
    reasoning_effort: fc.constantFrom(undefined, 'none', 'minimal', 'low', 'medium', 'high', 'xhigh'),
    response_format: maybe(
      fc.oneof(
        fc.constant({ type: 'json_object' }),
        schema.map((each) => ({ type: 'json_schema', json_schema: { name: 'a', schema: each ?? {} } })),
      ),
    ),
    stream: maybe(fc.boolean()),
    seed: maybe(fc.nat()),
    unheard_of: maybe(fc.jsonValue({ maxDepth: 1 })),
  });
}
