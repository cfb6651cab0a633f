import { describe, expect, test } from 'vitest';
import { chatCompletion } from '../../../src/gateway/anthropic/translation.ts';

const OPTIONS = { model: 'claude-haiku-4-5', createdSec: 1_800_000_000 };

function message(rest: object = {}) {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: 'Hello' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 10, output_tokens: 3 },
    ...rest,
  };
}

const choiceOf = (rest: object) =>
  (chatCompletion(message(rest), OPTIONS).choices as [Record<string, unknown>])[0];

describe('an answer', () => {
  test('has OpenAI’s shape', () => {
    expect(chatCompletion(message(), OPTIONS)).toEqual({
      id: 'chatcmpl-msg_1',
      object: 'chat.completion',
      created: 1_800_000_000,
      model: 'claude-haiku-4-5',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 3,
        total_tokens: 13,
        prompt_tokens_details: { cached_tokens: 0 },
      },
    });
  });

  test('to a prompt has the shape of a completion', () => {
    expect(chatCompletion(message(), { ...OPTIONS, id: 'mine', route: 'completions' })).toMatchObject({
      id: 'mine',
      object: 'text_completion',
      choices: [{ index: 0, text: 'Hello', logprobs: null, finish_reason: 'stop' }],
    });
  });

  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['pause_turn', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool_calls'],
    ['refusal', 'content_filter'],
    ['something new', 'stop'],
    [null, 'stop'],
  ])('that stopped for %s finished for %s', (stop_reason, finish_reason) => {
    expect(choiceOf({ stop_reason })).toMatchObject({ finish_reason });
  });

  test('calls tools: each with its arguments as JSON', () => {
    const content = [
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', id: 'toolu_1', name: 'look', input: { where: 'left' } },
      { type: 'tool_use', id: 'toolu_2', name: 'wait', input: {} },
    ];
    expect(choiceOf({ content, stop_reason: 'tool_use' })).toMatchObject({
      message: {
        content: 'I look.',
        tool_calls: [
          { id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{"where":"left"}' } },
          { id: 'toolu_2', type: 'function', function: { name: 'wait', arguments: '{}' } },
        ],
      },
    });
    expect(choiceOf({ content: content.slice(1) })).toMatchObject({ message: { content: null } });
  });

  test('shows thinking, and that there was some which it may not show', () => {
    const content = [
      { type: 'thinking', thinking: 'Hm. ', signature: 'a' },
      { type: 'redacted_thinking', data: 'b' },
      { type: 'text', text: 'Yes' },
    ];
    expect(choiceOf({ content })).toMatchObject({
      message: { content: 'Yes', reasoning_content: 'Hm. [redacted]' },
    });
    expect(choiceOf({}).message).not.toHaveProperty('reasoning_content');
  });

  test('that is a refusal says why', () => {
    const stop_details = { type: 'refusal', category: null, explanation: 'Declined.' };
    expect(choiceOf({ content: [], stop_reason: 'refusal', stop_details })).toMatchObject({
      message: { content: '', refusal: 'Declined.' },
      finish_reason: 'content_filter',
    });
  });

  test('counts what was read from and written to the cache as prompt', () => {
    const usage = {
      ...{
        input_tokens: 10,
        cache_read_input_tokens: 20,
        cache_creation_input_tokens: 30,
        output_tokens: 40,
      },
      output_tokens_details: { thinking_tokens: 7 },
    };
    expect(chatCompletion(message({ usage }), OPTIONS).usage).toEqual({
      prompt_tokens: 60,
      completion_tokens: 40,
      total_tokens: 100,
      prompt_tokens_details: { cached_tokens: 20 },
      completion_tokens_details: { reasoning_tokens: 7 },
    });
  });

  test.each([[null], ['Hello'], [{ type: 'error' }], [{ type: 'message' }]])('%j is none', (value) => {
    expect(() => chatCompletion(value, OPTIONS)).toThrow(TypeError);
  });
});
