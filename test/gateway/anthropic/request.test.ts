import { describe, expect, test } from 'vitest';
import { messagesRequest } from '../../../src/gateway/anthropic/translation.ts';
import { readRequest } from '../../support/anthropic-request.ts';

const OLD = 'claude-haiku-4-5';

/** What is sent for a chat; each has to pass the look-alike's reading of the API. */
function sent(body: Record<string, unknown>, model = OLD): Record<string, unknown> {
  const request = messagesRequest(
    'chat/completions',
    { messages: [user('Hello')], ...body },
    { model, maxTokensDefault: 500 },
  );
  readRequest(request.body);
  return request.body;
}

const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown, calls?: unknown[]) => ({
  role: 'assistant',
  content,
  ...(calls && { tool_calls: calls }),
});
const call = (id: string, name = 'look', args = '{}') => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});
const result = (id: string, content: unknown = 'seen') => ({ role: 'tool', tool_call_id: id, content });
const text = (words: string) => ({ type: 'text', text: words });
const tool = (name: string, parameters?: unknown, strict?: boolean) => ({
  type: 'function',
  function: { name, description: 'Looks.', parameters, strict },
});

describe('messages', () => {
  test('what system and developer say is the system prompt, wherever it stands', () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'developer', content: [text('Be '), text('kind.')] },
      user('Hello'),
      assistant('Hi'),
      { role: 'system', content: 'Answer in French.' },
      user('Bye'),
    ];
    expect(sent({ messages })).toMatchObject({
      system: 'Be brief.\n\nBe kind.\n\nAnswer in French.',
      messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'user' }],
    });
  });

  test('turns of one side that follow each other become one, in order', () => {
    const messages = [
      user('One'),
      user('Two'),
      assistant('Three'),
      assistant('Four'),
      user([text('Five'), text('Six')]),
    ];
    expect(sent({ messages }).messages).toEqual([
      { role: 'user', content: [text('One'), text('Two')] },
      { role: 'assistant', content: [text('Three'), text('Four')] },
      { role: 'user', content: [text('Five'), text('Six')] },
    ]);
  });

  test('where the assistant speaks first, a turn of the user opens', () => {
    const { messages } = sent({ messages: [assistant('How can I help?'), user('Hello')] });
    expect(messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [text('How can I help?')] },
      { role: 'user' },
    ]);
  });

  test('instructions alone: the last one is what is asked', () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'system', content: 'Tell of the sea.' },
    ];
    expect(sent({ messages })).toMatchObject({
      system: 'Be brief.',
      messages: [{ role: 'user', content: [text('Tell of the sea.')] }],
    });
  });

  test('blank text is left out, since the API refuses it', () => {
    const messages = [
      { role: 'system', content: ' ' },
      user([text(''), text('Hello')]),
      assistant('  '),
      user('\n'),
      assistant(null),
      user('There'),
    ];
    const body = sent({ messages });
    expect(body.messages).toEqual([{ role: 'user', content: [text('Hello'), text('There')] }]);
    expect(body).not.toHaveProperty('system');
  });

  test('images go as their bytes or as their URL', () => {
    const image = (url: string) => ({ type: 'image_url', image_url: { url, detail: 'high' } });
    const content = [
      text('What is it?'),
      image('data:image/PNG;base64,aGVsbG8='),
      image('https://example.com/a.jpg'),
      image('data:image/jpg;base64,aGVsbG8='),
    ];
    expect(sent({ messages: [user(content)] }).messages).toEqual([
      {
        role: 'user',
        content: [
          text('What is it?'),
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGVsbG8=' } },
          { type: 'image', source: { type: 'url', url: 'https://example.com/a.jpg' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'aGVsbG8=' } },
        ],
      },
    ]);
  });

  test('a refusal of the model’s goes back as what it said', () => {
    const messages = [user('Hello'), assistant([{ type: 'refusal', refusal: 'No.' }]), user('Why?')];
    expect(sent({ messages }).messages).toMatchObject([{}, { content: [text('No.')] }, {}]);
  });
});

describe('tools', () => {
  test('a tool is its name, its description and its schema', () => {
    const parameters = { type: 'object', properties: { where: { type: 'string' } }, required: ['where'] };
    expect(sent({ tools: [tool('look', parameters), tool('wait')] })).toMatchObject({
      tools: [
        { name: 'look', description: 'Looks.', input_schema: parameters },
        { name: 'wait', input_schema: { type: 'object', properties: {} } },
      ],
      tool_choice: { type: 'auto' },
    });
  });

  test.each([
    [undefined, { type: 'auto' }],
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
    [
      { type: 'function', function: { name: 'look' } },
      { type: 'tool', name: 'look' },
    ],
  ])('tool_choice %j', (choice, expected) => {
    expect(sent({ tools: [tool('look')], tool_choice: choice }).tool_choice).toEqual(expected);
  });

  test('parallel_tool_calls: false allows one call at most', () => {
    const body = { tools: [tool('look')], parallel_tool_calls: false };
    expect(sent(body).tool_choice).toEqual({ type: 'auto', disable_parallel_tool_use: true });
    expect(sent({ ...body, tool_choice: 'required' }).tool_choice).toEqual({
      type: 'any',
      disable_parallel_tool_use: true,
    });
    expect(sent({ ...body, tool_choice: 'none' }).tool_choice).toEqual({ type: 'none' });
  });

  test('a strict tool is one whose schema is closed', () => {
    const parameters = {
      type: 'object',
      properties: { count: { type: 'integer', minimum: 1, description: 'How many.' } },
    };
    expect(sent({ tools: [tool('look', parameters, true)] }).tools).toEqual([
      {
        name: 'look',
        description: 'Looks.',
        strict: true,
        input_schema: {
          type: 'object',
          properties: { count: { type: 'integer', description: 'How many. {minimum: 1}' } },
          additionalProperties: false,
        },
      },
    ]);
  });

  test('calls and their results: all results in one turn, before what the user says', () => {
    const messages = [
      user('Look at both'),
      assistant('I look.', [call('a', 'look', '{"where":"left"}'), call('b', 'look', '')]),
      result('b', 'a door'),
      result('a', [text('a wall')]),
      user('And?'),
    ];
    expect(sent({ messages, tools: [tool('look')] }).messages).toEqual([
      { role: 'user', content: [text('Look at both')] },
      {
        role: 'assistant',
        content: [
          text('I look.'),
          { type: 'tool_use', id: 'a', name: 'look', input: { where: 'left' } },
          { type: 'tool_use', id: 'b', name: 'look', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'b', content: [text('a door')] },
          { type: 'tool_result', tool_use_id: 'a', content: [text('a wall')] },
          text('And?'),
        ],
      },
    ]);
  });

  test('an empty result stays a result', () => {
    const messages = [user('Look'), assistant(null, [call('a')]), result('a', '')];
    expect(sent({ messages, tools: [tool('look')] }).messages).toMatchObject([
      {},
      {},
      { content: [{ type: 'tool_result', tool_use_id: 'a' }] },
    ]);
  });

  test('ids that other servers give are made such that the API takes them', () => {
    const round = [assistant(null, [call('functions.look:0')]), result('functions.look:0')];
    const { messages } = sent({
      messages: [user('Look'), ...round, user('Again'), ...round],
      tools: [tool('look')],
    });
    const blocks = (messages as { content: Record<string, unknown>[] }[]).flatMap(({ content }) => content);
    const used = blocks.filter(({ type }) => type === 'tool_use').map(({ id }) => id);
    expect(new Set(used).size).toBe(2);
    expect(blocks.filter(({ type }) => type === 'tool_result').map(({ tool_use_id: id }) => id)).toEqual(
      used,
    );
  });

  test('a conversation that used tools defines them, also when they are no longer offered', () => {
    const messages = [user('Look'), assistant(null, [call('a')]), result('a')];
    expect(sent({ messages })).toMatchObject({ tools: [{ name: 'look' }], tool_choice: { type: 'none' } });
  });
});
