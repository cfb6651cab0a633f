import { badRequest } from '../errors.ts';
import { blocksOf, isRecord, textOf } from './parts.ts';
import type { Block, Turn } from './wire.ts';

/**
 * OpenAI's messages as a system prompt and turns that alternate.
 *
 * 1. Turns alternate, begin with the user's, end with the user's, and none is empty.
 * 2. Each `tool_use` is answered by a `tool_result` in the very next turn, and there before anything else.
 * 3. Ids of `tool_use` are unique in a conversation and of letters, digits, `_` and `-`.
 * 4. No block of text is blank.
 */
export function conversationOf(messages: unknown): { system: string; turns: Turn[] } {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw badRequest('`messages` must be a list of at least one message.', 'messages');
  }
  const draft = new Draft();
  messages.forEach((message, index) => {
    draft.add(message, `messages[${index}]`);
  });
  return draft.finish();
}

/** What a conversation begins with where the assistant speaks first (rule 1). */
const OPENING: Turn = { role: 'user', content: [{ type: 'text', text: '(The conversation begins.)' }] };

type Call = { readonly emittedId: string; readonly where: string };

class Draft {
  readonly #system: string[] = [];
  readonly #turns: Turn[] = [];
  readonly #ids = new Set<string>();
  /** Calls of the turn before that have no result yet, by the caller's id. */
  #open = new Map<string, Call>();

  add(message: unknown, where: string): void {
    if (!isRecord(message)) throw badRequest('Each message must be an object.', where);
    switch (message.role) {
      case 'system':
      case 'developer':
        // Wherever it stands: as Anthropic's own OpenAI endpoint does.
        this.#addSystem(textOf(message.content, `${where}.content`));
        break;
      case 'user':
        this.#requireAnswered();
        this.#append('user', blocksOf(message.content, `${where}.content`));
        break;
      case 'assistant':
        this.#requireAnswered();
        this.#addAssistant(message, where);
        break;
      case 'tool':
        this.#addResult(message, where);
        break;
      default:
        throw badRequest(
          '`role` must be system, developer, user, assistant or tool (`function` is not supported).',
          `${where}.role`,
        );
    }
  }

  finish(): { system: string; turns: Turn[] } {
    this.#requireAnswered();
    // Nothing but instructions: the last one is what there is to answer.
    if (this.#turns.length === 0) this.#addLastInstruction();
    if (this.#turns[0]?.role === 'assistant') this.#turns.unshift(OPENING);
    if (this.#turns.at(-1)?.role === 'assistant') {
      throw badRequest(
        'The last message must be of the user or a tool: Claude models do not go on with an answer begun.',
        'messages',
      );
    }
    return { system: this.#system.join('\n\n'), turns: this.#turns };
  }

  #addSystem(text: string): void {
    if (text.trim() !== '') this.#system.push(text);
  }

  #addLastInstruction(): void {
    const text = this.#system.pop();
    if (text === undefined) throw badRequest('None of the messages says anything.', 'messages');
    this.#append('user', [{ type: 'text', text }]);
  }

  #addAssistant(message: Record<string, unknown>, where: string): void {
    if (message.function_call !== undefined && message.function_call !== null) {
      throw badRequest('`function_call` is not supported; use `tool_calls`.', `${where}.function_call`);
    }
    const text = textOf(message.content, `${where}.content`);
    // What is said at the end of a turn of tools would stand between them and their results.
    const blocks: Block[] = text.trim() === '' ? [] : [{ type: 'text', text }];
    const calls = message.tool_calls ?? [];
    if (!Array.isArray(calls)) throw badRequest('`tool_calls` must be a list.', `${where}.tool_calls`);
    calls.forEach((call, index) => {
      blocks.push(this.#toolUse(call, `${where}.tool_calls[${index}]`));
    });
    this.#append('assistant', blocks);
  }

  #toolUse(call: unknown, where: string): Block {
    const called = isRecord(call) ? call.function : undefined;
    if (!isRecord(call) || !isRecord(called) || (call.type ?? 'function') !== 'function') {
      throw badRequest('A tool call must be of type `function`.', where);
    }
    if (typeof call.id !== 'string' || call.id === '')
      throw badRequest('A tool call needs an id.', `${where}.id`);
    if (typeof called.name !== 'string' || !TOOL_NAME.test(called.name)) {
      throw badRequest(TOOL_NAME_TOLD, `${where}.function.name`);
    }
    if (this.#open.has(call.id)) throw badRequest('Two tool calls carry the same id.', `${where}.id`);
    const emittedId = this.#emit(call.id);
    this.#open.set(call.id, { emittedId, where });
    const input = argumentsOf(called.arguments, `${where}.function.arguments`);
    return { type: 'tool_use', id: emittedId, name: called.name, input };
  }

  #addResult({ tool_call_id: id, content }: Record<string, unknown>, where: string): void {
    const call = typeof id === 'string' ? this.#open.get(id) : undefined;
    if (typeof id !== 'string' || !call) {
      throw badRequest(
        'A tool message must carry the id of a tool call of the assistant message before it, once.',
        `${where}.tool_call_id`,
      );
    }
    this.#open.delete(id);
    const blocks = blocksOf(content, `${where}.content`);
    const result = {
      type: 'tool_result',
      tool_use_id: call.emittedId,
      ...(blocks.length > 0 && { content: blocks }),
    };
    this.#append('user', [result]);
  }

  /** Rule 2. */
  #requireAnswered(): void {
    const [call] = this.#open.values();
    if (call) throw badRequest('No tool message answers this tool call.', call.where);
  }

  /** Rule 3: some clients begin at `call_0` in each turn, some put dots and colons in. */
  #emit(id: string): string {
    const plain = /^[\w-]+$/.test(id) ? id : `call_${Buffer.from(id).toString('base64url')}`;
    let emitted = plain;
    for (let count = 2; this.#ids.has(emitted); count++) emitted = `${plain}_${count}`;
    this.#ids.add(emitted);
    return emitted;
  }

  /** Rule 1. */
  #append(role: Turn['role'], blocks: readonly Block[]): void {
    if (blocks.length === 0) return;
    const last = this.#turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else this.#turns.push({ role, content: [...blocks] });
  }
}

export const TOOL_NAME = /^[\w-]{1,128}$/;
export const TOOL_NAME_TOLD = 'A tool’s name must be of 1 to 128 letters, digits, `_` and `-`.';

function argumentsOf(text: unknown, where: string): Record<string, unknown> {
  if (text === undefined || text === '') return {};
  let value: unknown;
  try {
    value = typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    value = undefined;
  }
  if (!isRecord(value))
    throw badRequest('The arguments of a tool call must be a JSON object as a string.', where);
  return value;
}
