import { describe, expect, test } from 'vitest';
import { messagesRequest } from '../../../src/gateway/anthropic/translation.ts';
import { readRequest } from '../../support/anthropic-request.ts';

const OLD = 'claude-haiku-4-5';
const NEW = 'claude-haiku-5-5';
const NEWEST = 'claude-opus-5-5';

const user = (content: unknown) => ({ role: 'user', content });
const text = (words: string) => ({ type: 'text', text: words });

/** What is sent for a chat; each has to pass the look-alike's reading of the API. */
function sent(body: Record<string, unknown>, model = OLD): Record<string, unknown> {
  const chat = { messages: [user('Hello')], ...body };
  const request = messagesRequest('chat/completions', chat, { model, maxTokensDefault: 500 });
  readRequest(request.body);
  return request.body;
}

describe('what the answer is to be', () => {
  test.each([
    [{}, 500],
    [{ max_tokens: 7 }, 7],
    [{ max_completion_tokens: 8, max_tokens: 7 }, 8],
    [{ max_tokens: null }, 500],
    [{ max_completion_tokens: null, max_tokens: 7 }, 7],
    [{ max_tokens: 1_000_000 }, 64_000],
  ])('max_tokens of %j', (body, expected) => {
    expect(sent(body).max_tokens).toBe(expected);
  });

  test.each([
    [OLD, { temperature: 0.3 }, { temperature: 0.3 }],
    [OLD, { temperature: 1.7 }, { temperature: 1 }],
    [OLD, { top_p: 0.4 }, { top_p: 0.4 }],
    [OLD, { temperature: 0.3, top_p: 0.4 }, { temperature: 0.3 }],
    [
      'claude-3-haiku-20240307',
      { temperature: 0.3, top_p: 0.4, max_tokens: 9 },
      { temperature: 0.3, top_p: 0.4 },
    ],
    [NEW, { temperature: 0.3, top_p: 0.4 }, {}],
    ['claude-sonnet-4-6', { temperature: 0.3, reasoning_effort: 'low' }, {}],
  ])('sampling of %s with %j', (model, body, expected) => {
    const { temperature, top_p } = sent(body, model);
    expect({ temperature, top_p }).toEqual({ temperature: undefined, top_p: undefined, ...expected });
  });

  test.each([
    ['END', ['END']],
    [
      ['END', 'STOP'],
      ['END', 'STOP'],
    ],
    [['', 'END'], ['END']],
    [[], undefined],
    [null, undefined],
  ])('stop %j', (stop, expected) => {
    expect(sent({ stop }).stop_sequences).toEqual(expected);
  });

  test('a json_schema goes to structured outputs, with words for what they do not enforce', () => {
    const schema = {
      type: 'object',
      properties: {
        tags: { type: 'array', items: { type: 'string', maxLength: 9 }, minItems: 2 },
        a: { oneOf: [{ type: 'null' }, { $ref: '#/$defs/b' }] },
      },
      $defs: { b: { type: 'object', properties: {}, additionalProperties: true } },
    };
    const { output_config: config } = sent({
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
    });
    expect(config).toEqual({
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          additionalProperties: false,
          properties: {
            tags: {
              type: 'array',
              items: { type: 'string', description: '{maxLength: 9}' },
              description: '{minItems: 2}',
            },
            a: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/b' }] },
          },
          $defs: { b: { type: 'object', properties: {}, additionalProperties: false } },
        },
      },
    });
  });

  test('json_object is an instruction after the caller’s own', () => {
    const messages = [{ role: 'system', content: 'Be brief.' }, user('Hello')];
    expect(sent({ messages, response_format: { type: 'json_object' } }).system).toMatch(
      /^Be brief\.\n\nAnswer with one JSON object/,
    );
  });

  test.each([
    [OLD, 'high', undefined, undefined],
    [OLD, 'none', undefined, undefined],
    ['claude-opus-4-5', 'xhigh', undefined, 'high'],
    ['claude-sonnet-4-6', undefined, undefined, undefined],
    ['claude-sonnet-4-6', 'xhigh', 'adaptive', 'max'],
    ['claude-opus-4-8', 'minimal', 'adaptive', 'low'],
    [NEW, undefined, 'adaptive', undefined],
    [NEW, 'none', 'disabled', undefined],
    ['claude-sonnet-5-5', 'none', 'between_tools', undefined],
    [NEWEST, 'none', 'adaptive', 'low'],
    [NEWEST, 'xhigh', 'adaptive', 'xhigh'],
  ])('%s asked for reasoning_effort %s', (model, asked, thinking, effort) => {
    const body = sent({ reasoning_effort: asked }, model) as {
      thinking?: { type: string };
      output_config?: { effort: string };
    };
    expect([body.thinking?.type, body.output_config?.effort]).toEqual([thinking, effort]);
  });

  test('who asks goes along, at most as long as the API takes', () => {
    expect(sent({ user: 'ann' }).metadata).toEqual({ user_id: 'ann' });
    expect(sent({ user: 'ann', safety_identifier: 'a-1' }).metadata).toEqual({ user_id: 'a-1' });
    const { metadata } = sent({ user: 'x'.repeat(300) });
    expect(metadata).toEqual(sent({ user: 'x'.repeat(300) }).metadata);
    expect(metadata).not.toEqual(sent({ user: 'x'.repeat(299) }).metadata);
  });

  test('harmless values and unknown fields are not sent', () => {
    const body = {
      ...{
        n: 1,
        logprobs: false,
        top_logprobs: 0,
        seed: 7,
        presence_penalty: 0.5,
        frequency_penalty: 0,
        logit_bias: {},
      },
      ...{
        store: true,
        service_tier: 'auto',
        modalities: ['text'],
        prediction: {},
        min_p: 0.1,
        chat_template_kwargs: {},
      },
      ...{ functions: [], function_call: 'auto', stream: false, stream_options: null, metadata: { a: 'b' } },
    };
    expect(Object.keys(sent(body)).sort()).toEqual(['max_tokens', 'messages', 'model']);
  });

  test('usage is included in a stream only where it was asked for', () => {
    const asked = (body: object) => {
      const { isStream, includeUsage } = messagesRequest(
        'chat/completions',
        { messages: [user('Hello')], ...body },
        { model: OLD, maxTokensDefault: 5 },
      );
      return { isStream, includeUsage };
    };
    expect(asked({ stream: true })).toEqual({ isStream: true, includeUsage: false });
    expect(asked({ stream: true, stream_options: { include_usage: true } })).toEqual({
      isStream: true,
      includeUsage: true,
    });
    expect(asked({ stream_options: { include_usage: true } })).toEqual({
      isStream: false,
      includeUsage: false,
    });
  });

  test.each([['Hello'], [['Hello']]])('a prompt is a message of the user: %j', (prompt) => {
    const { body } = messagesRequest(
      'completions',
      { prompt, max_tokens: 5 },
      { model: OLD, maxTokensDefault: 9 },
    );
    expect(readRequest(body).request).toEqual({
      model: OLD,
      max_tokens: 5,
      messages: [{ role: 'user', content: [text('Hello')] }],
    });
  });
});
