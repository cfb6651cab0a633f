import { Readable } from 'node:stream';
import { openAiBody } from './errors.ts';

type Outcome = { readonly kind: 'complete' } | { readonly kind: 'broken'; readonly error: unknown };

type Answer = {
  readonly source: AsyncIterable<Buffer>;
  /** Called once, when the answer has ended in whatever way. */
  readonly onEnd: (outcome: Outcome) => void;
};

/** Passes bytes on as they come. An upstream that breaks off breaks the answer off, so that the caller sees it. */
export function passOn(answer: Answer): Readable {
  return Readable.from(bytesOf(answer), { objectMode: false, highWaterMark: 64 * 1_024 });
}

/**
 * Passes server-sent events on, whole ones only.
 *
 * An event that is not yet complete is held back until it is: it is of no use to a client before, and
 * when the upstream dies within it, a half line would spoil the error event that has to follow. A stream
 * that ends without `[DONE]` was cut off too, whatever the connection says.
 */
export function passOnEvents(answer: Answer): Readable {
  return Readable.from(eventsOf(answer), { objectMode: false, highWaterMark: 64 * 1_024 });
}

async function* bytesOf({ source, onEnd }: Answer): AsyncGenerator<Buffer> {
  let outcome: Outcome = { kind: 'broken', error: new Error('the caller went away') };
  try {
    for await (const chunk of source) yield chunk;
    outcome = { kind: 'complete' };
  } catch (error) {
    outcome = { kind: 'broken', error };
    throw error;
  } finally {
    onEnd(outcome);
  }
}

async function* eventsOf({ source, onEnd }: Answer): AsyncGenerator<Buffer> {
  let outcome: Outcome = { kind: 'broken', error: new Error('the caller went away') };
  const events = new EventCutter();
  try {
    for await (const chunk of source) {
      const whole = events.cut(chunk);
      if (whole.length > 0) yield whole;
    }
    const rest = events.rest();
    if (rest.length > 0) yield rest;
    if (events.isDone) outcome = { kind: 'complete' };
    else {
      outcome = { kind: 'broken', error: new Error('the stream ended without [DONE]') };
      yield cutOffEvent();
    }
  } catch (error) {
    outcome = { kind: 'broken', error };
    yield cutOffEvent();
  } finally {
    onEnd(outcome);
  }
}

const HELD_BYTES_MAX = 1_024 * 1_024;
const NOTHING = Buffer.alloc(0);

/** Cuts a byte stream after its last complete event. */
class EventCutter {
  isDone = false;
  #held: Buffer = NOTHING;

  cut(chunk: Buffer): Buffer {
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
    this.isDone ||= /(^|\n)data: ?\[DONE\]\s*$/.test(whole.subarray(-64).toString('latin1'));
    return whole;
  }
}

function endOfLastEvent(bytes: Buffer): number {
  const unix = bytes.lastIndexOf('\n\n');
  const dos = bytes.lastIndexOf('\r\n\r\n');
  return Math.max(unix === -1 ? 0 : unix + 2, dos === -1 ? 0 : dos + 4);
}

function cutOffEvent(): Buffer {
  const body = openAiBody({
    status: 502,
    message:
      'The instance broke off in the middle of this answer; what came so far is incomplete. Ask again.',
    type: 'server_error',
    code: 'upstream_interrupted',
  });
  return Buffer.from(`data: ${JSON.stringify(body)}\n\n`);
}
