import { describe, expect, test } from 'vitest';
import { messagesRequest } from '../../../src/gateway/anthropic/translation.ts';
import { Refusal } from '../../../src/gateway/errors.ts';

const user = { role: 'user', content: 'Hello' };
const tool = (rest: object) => [{ type: 'function', function: { name: 'look', ...rest } }];
const called = (call: object) => [
  user,
  {
    role: 'assistant',
    tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{}' }, ...call }],
  },
];
const seen = { role: 'tool', tool_call_id: 'a', content: 'seen' };
const image = (url: unknown) => [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];

describe('refused with 400, naming the field', () => {
  test.each<[param: string, body: Record<string, unknown>]>([
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['top_logprobs', { top_logprobs: 3 }],
    ['logit_bias', { logit_bias: { 50256: -100 } }],
    ['audio', { audio: { voice: 'a' } }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['functions', { functions: [{ name: 'look' }] }],
    ['function_call', { function_call: { name: 'look' } }],
    ['guided_json', { guided_json: {} }],
    ['web_search_options', { web_search_options: {} }],
    ['stop', { stop: '\n' }],
    ['stop', { stop: ['END', ' '] }],
    ['stop', { stop: [7] }],
    ['max_tokens', { max_tokens: 0 }],
    ['max_completion_tokens', { max_completion_tokens: 1.5 }],
    ['temperature', { temperature: 2.1 }],
    ['temperature', { temperature: '1' }],
    ['top_p', { top_p: -0.1 }],
    ['stream', { stream: 'yes' }],
    ['reasoning_effort', { reasoning_effort: 'very' }],
    ['response_format', { response_format: { type: 'xml' } }],
    ['response_format', { response_format: { type: 'json_schema' } }],
    ['messages', { messages: undefined }],
    ['messages', { messages: [] }],
    ['messages', { messages: [{ role: 'user', content: ' ' }] }],
    ['messages', { messages: [user, { role: 'assistant', content: 'Hi' }] }],
    ['messages[0]', { messages: ['Hello'] }],
    ['messages[1].role', { messages: [user, { role: 'function', content: 'x' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages[0].content[0].text', { messages: [{ role: 'user', content: [{ type: 'text' }] }] }],
    [
      'messages[0].content[0]',
      { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: {} }] }] },
    ],
    [
      'messages[0].content[0]',
      { messages: [{ role: 'system', content: [{ type: 'image_url', image_url: {} }] }, user] },
    ],
    ['messages[0].content[0].image_url.url', { messages: image('data:image/tiff;base64,aGVsbG8=') }],
    ['messages[0].content[0].image_url.url', { messages: image('data:image/png;base64,!!') }],
    ['messages[0].content[0].image_url.url', { messages: image('file:///etc/passwd') }],
    ['messages[0].content[0].image_url.url', { messages: image(7) }],
    [
      'messages[1].tool_calls[0].function.arguments',
      { messages: [...called({ function: { name: 'look', arguments: '{"a":' } }), seen] },
    ],
    [
      'messages[1].tool_calls[0].function.arguments',
      { messages: [...called({ function: { name: 'look', arguments: '[]' } }), seen] },
    ],
    [
      'messages[1].tool_calls[0].function.name',
      { messages: [...called({ function: { name: 'a b', arguments: '{}' } }), seen] },
    ],
    ['messages[1].tool_calls[0].id', { messages: called({ id: '' }) }],
    ['messages[1].tool_calls[0]', { messages: called({}) }],
    ['messages[1].tool_calls[0]', { messages: [...called({}), user] }],
    ['messages[1].tool_call_id', { messages: [user, seen] }],
    ['messages[3].tool_call_id', { messages: [...called({}), seen, seen] }],
    ['messages[2].tool_call_id', { messages: [...called({}), { ...seen, tool_call_id: 'b' }] }],
    [
      'messages[1].function_call',
      { messages: [user, { role: 'assistant', function_call: { name: 'a' } }, user] },
    ],
    ['tools', { tools: {} }],
    ['tools[0]', { tools: [{ type: 'custom', custom: { name: 'a' } }] }],
    ['tools[0].function.name', { tools: tool({ name: 'a b' }) }],
    ['tools[1].function.name', { tools: [...tool({}), ...tool({})] }],
    ['tools[0].function.parameters', { tools: tool({ parameters: { type: 'array' } }) }],
    ['tools[0].function.parameters', { tools: tool({ parameters: { type: 'object', anyOf: [] } }) }],
    ['tool_choice', { tool_choice: 'required' }],
    ['tool_choice', { tools: tool({}), tool_choice: 'any' }],
    [
      'tool_choice.function.name',
      { tools: tool({}), tool_choice: { type: 'function', function: { name: 'b' } } },
    ],
  ])('%s in %j', (param, body) => {
    expect(refused('claude-haiku-4-5', { messages: [user], ...body })).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param,
    });
  });

  test('a model that cannot be forced to call a tool, asked to force one', () => {
    const body = { messages: [user], tools: tool({}), tool_choice: 'required' };
    expect(refused('claude-opus-5-5', body)).toMatchObject({ status: 400, param: 'tool_choice' });
  });

  test('a model without structured outputs, asked for a schema', () => {
    const body = {
      messages: [user],
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: {} } },
    };
    expect(refused('claude-sonnet-4-20250514', body)).toMatchObject({
      status: 400,
      param: 'response_format.type',
    });
  });

  test.each([[undefined], [''], [['a', 'b']], [[1, 2]], [[[1]]], [' ']])('the prompt %j', (prompt) => {
    expect(refused('claude-haiku-4-5', { prompt }, 'completions')).toMatchObject({
      status: 400,
      param: 'prompt',
    });
  });

  test.each(['best_of', 'echo', 'suffix', 'logprobs'])('%s of a completion', (param) => {
    expect(refused('claude-haiku-4-5', { prompt: 'a', [param]: 5 }, 'completions')).toMatchObject({
      status: 400,
      param,
    });
  });
});

function refused(
  model: string,
  body: Record<string, unknown>,
  route: 'chat/completions' | 'completions' = 'chat/completions',
) {
  try {
    messagesRequest(route, body, { model, maxTokensDefault: 100 });
  } catch (error) {
    if (error instanceof Refusal) return error.error;
    throw error;
  }
  throw new Error('it was not refused');
}
