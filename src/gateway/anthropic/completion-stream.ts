import { type OpenAiError, openAiBody } from '../errors.ts';
import {
  type AnswerOptions,
  finishReasonOf,
  idOf,
  openAiUsage,
  REDACTED,
  refusalOf,
  type Usage,
  usageOf,
} from './answer.ts';
import { streamedError } from './api-errors.ts';
import { EventReader } from './event-reader.ts';
import { isRecord } from './parts.ts';

type Event = Record<string, unknown>;
type Call = { readonly index: number; readonly input: unknown; hasArguments: boolean };

const NOTHING = Buffer.alloc(0);

/**
 * A stream of the Messages API as one of OpenAI's, event by event.
 *
 * 1. What comes out are whole events. After `[DONE]` or an error event, nothing does.
 * 2. `[DONE]` follows `message_stop` only; whatever else ends a stream ends it with an error event.
 * 3. Nothing comes out before the model has begun to answer, so that until then another provider can be asked.
 */
export class CompletionStream {
  /** Whether the answer came whole. */
  isDone = false;
  /** Why it did not. */
  failure: OpenAiError | null = null;
  /** As far as it was told; that of a broken stream is what the API had counted until then. */
  usage: Usage | null = null;
  readonly #options: AnswerOptions & { readonly includeUsage?: boolean };
  readonly #reader = new EventReader();
  readonly #calls = new Map<unknown, Call>();
  #told: Event = {};
  #id: string;
  #hasBegun = false;
  #hasFinished = false;

  constructor(options: AnswerOptions & { readonly includeUsage?: boolean }) {
    this.#options = options;
    this.#id = options.id ?? idOf(null, this.#route);
  }

  push(bytes: Buffer): Buffer {
    if (this.#hasEnded) return NOTHING;
    try {
      return joined(this.#reader.read(bytes).map((data) => this.#translate(data)));
    } catch {
      return Buffer.from(this.#fail(GARBLED));
    }
  }

  /** What has to follow when upstream has ended, in whatever way. */
  end(): Buffer {
    return this.#hasEnded ? NOTHING : Buffer.from(this.#fail(INTERRUPTED));
  }

  get #hasEnded(): boolean {
    return this.isDone || this.failure !== null;
  }

  get #route() {
    return this.#options.route ?? 'chat/completions';
  }

  #translate(data: string): string {
    if (this.#hasEnded) return ''; // rule 1: of bytes that came together with the end
    const event = eventOf(data);
    if (!event) return this.#fail(GARBLED);
    switch (event.type) {
      case 'message_start':
        return this.#onMessageStart(event.message);
      case 'content_block_start':
        return this.#onBlockStart(event);
      case 'content_block_delta':
        return this.#onDelta(event);
      case 'content_block_stop':
        return this.#onBlockStop(event);
      case 'message_delta':
        return this.#onMessageDelta(event);
      case 'message_stop':
        return this.#onMessageStop();
      case 'error':
        return this.#fail(streamedError(event).error);
      case 'ping':
        // A comment, which clients pass over and which keeps the connection from seeming dead.
        return this.#hasBegun ? ': ping\n\n' : '';
      default:
        // New kinds of events may come, and are to be passed over.
        return '';
    }
  }

  #onMessageStart(message: unknown): string {
    const told = isRecord(message) ? message : {};
    this.#id = this.#options.id ?? idOf(told.id, this.#route);
    this.#count(told.usage);
    return '';
  }

  #onBlockStart({ index, content_block: block }: Event): string {
    const begun = this.#begin();
    if (!isRecord(block)) return begun;
    switch (block.type) {
      case 'tool_use': {
        const call: Call = { index: this.#calls.size, input: block.input, hasArguments: false };
        this.#calls.set(index, call);
        const told = { id: block.id, type: 'function', function: { name: block.name, arguments: '' } };
        return begun + this.#delta({ tool_calls: [{ index: call.index, ...told }] });
      }
      case 'text':
        return begun + this.#text(block.text);
      case 'thinking':
        return begun + this.#thinking(block.thinking);
      case 'redacted_thinking':
        return begun + this.#thinking(REDACTED);
      default:
        return begun;
    }
  }

  #onDelta({ index, delta }: Event): string {
    const begun = this.#begin();
    if (!isRecord(delta)) return begun;
    switch (delta.type) {
      case 'text_delta':
        return begun + this.#text(delta.text);
      case 'thinking_delta':
        return begun + this.#thinking(delta.thinking);
      case 'input_json_delta':
        return begun + this.#arguments(this.#calls.get(index), delta.partial_json);
      default:
        // Signatures and citations have no place in OpenAI's answers.
        return begun;
    }
  }

  /** A call without arguments comes without any delta; one may also come whole. */
  #onBlockStop({ index }: Event): string {
    const call = this.#calls.get(index);
    return call && !call.hasArguments ? this.#arguments(call, JSON.stringify(call.input ?? {})) : '';
  }

  #onMessageDelta({ delta, usage }: Event): string {
    this.#count(usage);
    if (!isRecord(delta) || typeof delta.stop_reason !== 'string') return '';
    this.#hasFinished = true;
    const refusal = refusalOf(delta);
    const told = refusal === null ? '' : this.#delta({ refusal });
    return this.#begin() + told + this.#chunk({}, finishReasonOf(delta.stop_reason));
  }

  #onMessageStop(): string {
    if (!this.#hasFinished) return this.#fail(INTERRUPTED);
    this.isDone = true;
    return `${this.#usageChunk()}data: [DONE]\n\n`;
  }

  #usageChunk(): string {
    if (!this.#options.includeUsage || !this.usage) return '';
    return eventOfData({ ...this.#envelope(), choices: [], usage: openAiUsage(this.usage) });
  }

  /** Counts are told piece by piece, each one the whole until then. */
  #count(usage: unknown): void {
    if (!isRecord(usage)) return;
    for (const [field, value] of Object.entries(usage)) {
      if (value !== null) this.#told[field] = value;
    }
    this.usage = usageOf(this.#told);
  }

  /** Rule 3. */
  #begin(): string {
    if (this.#hasBegun) return '';
    this.#hasBegun = true;
    return this.#route === 'completions' ? '' : this.#delta({ role: 'assistant', content: '' });
  }

  #text(text: unknown): string {
    return typeof text === 'string' && text !== '' ? this.#delta({ content: text }) : '';
  }

  #thinking(text: unknown): string {
    return typeof text === 'string' && text !== '' ? this.#delta({ reasoning_content: text }) : '';
  }

  #arguments(call: Call | undefined, json: unknown): string {
    if (!call || typeof json !== 'string' || json === '') return '';
    call.hasArguments = true;
    return this.#delta({ tool_calls: [{ index: call.index, function: { arguments: json } }] });
  }

  #delta(delta: Record<string, unknown>): string {
    return this.#chunk(delta, null);
  }

  #chunk(delta: Record<string, unknown>, finishReason: string | null): string {
    const of = { index: 0, logprobs: null, finish_reason: finishReason };
    if (this.#route === 'chat/completions') return this.#event({ ...of, delta });
    // There is text only in the answers of this route.
    if (delta.content === undefined && finishReason === null) return '';
    return this.#event({ ...of, text: delta.content ?? '' });
  }

  #event(choice: Record<string, unknown>): string {
    return eventOfData({
      ...this.#envelope(),
      choices: [choice],
      ...(this.#options.includeUsage && { usage: null }),
    });
  }

  #envelope() {
    return {
      id: this.#id,
      object: this.#route === 'completions' ? 'text_completion' : 'chat.completion.chunk',
      created: this.#options.createdSec,
      model: this.#options.model,
    };
  }

  #fail(error: OpenAiError): string {
    this.failure = error;
    return eventOfData(openAiBody(error));
  }
}

const INTERRUPTED: OpenAiError = {
  status: 502,
  message: 'Anthropic broke off in the middle of this answer; what came so far is incomplete. Ask again.',
  type: 'server_error',
  code: 'upstream_interrupted',
};

const GARBLED: OpenAiError = {
  status: 502,
  message: 'Anthropic sent something that is no event of its API; what came so far is incomplete. Ask again.',
  type: 'server_error',
  code: 'upstream_garbled',
};

function eventOf(data: string): Event | null {
  try {
    const value: unknown = JSON.parse(data);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function eventOfData(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

function joined(events: string[]): Buffer {
  const text = events.join('');
  return text === '' ? NOTHING : Buffer.from(text);
}
