import { openAiBody } from './errors.ts';
import type { Route } from './target.ts';

const HELD_BYTES_MAX = 1_024 * 1_024;
export const NOTHING = Buffer.alloc(0);

/**
 * Cuts a byte stream after its last complete server-sent event.
 *
 * An event that is not yet complete is held back until it is: it is of no use to a client before, and
 * when the upstream dies within it, a half line would spoil the error event that has to follow. A stream
 * that ends without its last event was cut off too, whatever the connection says.
 */
export class EventCutter {
  isDone = false;
  readonly #route: Route;
  #held: Buffer = NOTHING;

  constructor(route: Route) {
    this.#route = route;
  }

  cut(chunk: Buffer): Buffer {
    // Nearly always: whole events, which need no copy.
    if (this.#held.length === 0 && endsAnEvent(chunk)) return this.#note(chunk);
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const end = endOfLastEvent(bytes);
    // No event of an inference server is this long: it is not ours to hold for ever.
    const cut = end === 0 && bytes.length > HELD_BYTES_MAX ? bytes.length : end;
    this.#held = bytes.subarray(cut);
    return this.#note(bytes.subarray(0, cut));
  }

  /** What is left when the stream has ended well: a last event without its empty line. */
  rest(): Buffer {
    const rest = this.#held;
    this.#held = NOTHING;
    if (!rest.toString('latin1').trimEnd().endsWith('data: [DONE]')) return NOTHING;
    return this.#note(Buffer.concat([rest, Buffer.from('\n\n')]));
  }

  #note(whole: Buffer): Buffer {
    if (!this.isDone && whole.length > 0) this.isDone = isLast(whole, this.#route);
    return whole;
  }
}

function endsAnEvent(chunk: Buffer): boolean {
  const { length } = chunk;
  return length > 1 && chunk[length - 1] === NEWLINE && chunk[length - 2] === NEWLINE;
}

const NEWLINE = 10;
const BRACKET = 93;

function endOfLastEvent(bytes: Buffer): number {
  const unix = bytes.lastIndexOf('\n\n');
  const dos = bytes.lastIndexOf('\r\n\r\n');
  return Math.max(unix === -1 ? 0 : unix + 2, dos === -1 ? 0 : dos + 4);
}

/** The Responses API ends with an event that says so, the others with `[DONE]`. */
function isLast(whole: Buffer, route: Route): boolean {
  if (route === 'responses') {
    return /"type":\s*"response\.(?:completed|incomplete|failed)"/.test(whole.toString('latin1'));
  }
  // One byte tells nearly always that it is not.
  if (whole[whole.length - 3] !== BRACKET && whole[whole.length - 5] !== BRACKET) return false;
  return /(^|\n)data: ?\[DONE\]\s*$/.test(whole.subarray(-64).toString('latin1'));
}

/** How many events there are; each carries a token or so. */
export function countEvents(whole: Buffer): number {
  let count = 0;
  for (let at = whole.indexOf('\n\n'); at !== -1; at = whole.indexOf('\n\n', at + 2)) count += 1;
  return count;
}

/**
 * What the first events of a stream are: `none` yet that says anything (comments only), an answer, an error
 * (with its status where it names one), or nothing that an inference server would send.
 */
export type FirstEvent =
  | { readonly kind: 'none' | 'answer' | 'garbage' }
  | { readonly kind: 'error'; readonly status: number | null; readonly message: string };

export function readFirstEvent(whole: Buffer): FirstEvent {
  const events = whole.toString('utf8', 0, Math.min(whole.length, 65_536)).split(/\r?\n\r?\n/);
  for (const event of events) {
    const data = /^data:(.*)$/m.exec(event)?.[1]?.trim();
    if (data === undefined) continue;
    if (data === '[DONE]') return { kind: 'answer' };
    return kindOfData(data, whole.length > 65_536);
  }
  const isComment = events.every((event) => event === '' || /^(:|event:|id:|retry:)/.test(event));
  return { kind: isComment ? 'none' : 'garbage' };
}

function kindOfData(data: string, isCut: boolean): FirstEvent {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return { kind: isCut ? 'answer' : 'garbage' };
  }
  if (typeof value !== 'object' || value === null) return { kind: 'garbage' };
  const { error, type } = value as { error?: unknown; type?: unknown };
  if ((error === undefined || error === null) && type !== 'error') return { kind: 'answer' };
  return errorOf(typeof error === 'object' && error !== null ? error : value);
}

function errorOf(error: object): FirstEvent {
  const { code, status, message } = error as { code?: unknown; status?: unknown; message?: unknown };
  const number = [code, status].find((each) => typeof each === 'number');
  return {
    kind: 'error',
    status: typeof number === 'number' ? number : null,
    message: typeof message === 'string' ? message : 'an error event',
  };
}

/** The last event of a stream that was cut off: no `[DONE]` follows. */
export function cutOffEvent(): Buffer {
  const body = openAiBody({
    status: 502,
    message:
      'The instance broke off in the middle of this answer; what came so far is incomplete. Ask again.',
    type: 'server_error',
    code: 'upstream_interrupted',
  });
  return Buffer.from(`data: ${JSON.stringify(body)}\n\n`);
}
