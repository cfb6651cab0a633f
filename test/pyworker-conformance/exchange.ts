import { connect } from 'node:net';
import { eventually } from '../support/eventually.ts';

/** An answer as it came over the socket; header names in lower case, in their order. */
export type Answer = {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly framing: 'length' | 'chunked' | 'until closed';
  /** What came of the body, with the chunk marks taken out. */
  readonly body: Buffer;
  /** False when the connection ended before the body did. */
  readonly isWhole: boolean;
};

export type Exchange = {
  /** Null when the connection ended without an answer. */
  readonly answer: Promise<Answer | null>;
  /** Waits until this text of the answer is here, whether or not more is to come. */
  received(text: string): Promise<void>;
  /** Writes more of the request. */
  write(bytes: string | Buffer): void;
  /** Hangs up as a caller does that has lost its patience. */
  leave(): void;
};

const ANSWER_MS = 25_000;

/** Sends bytes to a port of this machine, and reads one answer; hangs up when nothing comes for `patienceMs`. */
export function exchange(port: number, request: string | Buffer, patienceMs = ANSWER_MS): Exchange {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const reading = new Reading();
  const { promise: answer, resolve } = Promise.withResolvers<Answer | null>();
  const finish = (isClosed: boolean) => {
    const read = reading.answer(isClosed);
    if (read === null && !isClosed) return;
    resolve(read);
    socket.destroy();
  };
  socket.setTimeout(patienceMs, () => socket.destroy());
  socket.on('data', (bytes) => {
    reading.add(bytes);
    finish(false);
  });
  // A reset ends the answer like any other end does.
  socket.on('error', () => undefined);
  socket.on('close', () => finish(true));
  socket.write(request);
  return {
    answer,
    received: async (text) => {
      await eventually(
        () => `"${text}" in the answer; it is: ${reading.text()}`,
        () => reading.text().includes(text),
        { withinMs: 10_000, everyMs: 5 },
      );
    },
    write: (bytes) => socket.write(bytes),
    leave: () => socket.destroy(),
  };
}

/** The bytes of one answer so far. */
class Reading {
  #bytes: Buffer[] = [];

  add(bytes: Buffer): void {
    this.#bytes.push(bytes);
  }

  text(): string {
    return Buffer.concat(this.#bytes).toString('latin1');
  }

  /** The answer once it is whole; what there is of it when the connection is closed. */
  answer(isClosed: boolean): Answer | null {
    let bytes = Buffer.concat(this.#bytes);
    this.#bytes = [bytes];
    let head = headOf(bytes);
    while (head !== null && head.status < 200) {
      bytes = bytes.subarray(head.end);
      head = headOf(bytes);
    }
    if (head === null) return null;
    const framing = framingOf(head);
    const { body, isWhole } = bodyOf(bytes.subarray(head.end), framing, head, isClosed);
    if (!isWhole && !isClosed) return null;
    return { status: head.status, headers: head.headers, framing, body, isWhole };
  }
}

type Head = { status: number; headers: (readonly [string, string])[]; end: number };

function headOf(bytes: Buffer): Head | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(first.split(' ')[1]), headers, end: end + 4 };
}

function headerOf({ headers }: Head, name: string): string | undefined {
  return headers.find(([known]) => known === name)?.[1];
}

function framingOf(head: Head): Answer['framing'] {
  if (headerOf(head, 'transfer-encoding') === 'chunked') return 'chunked';
  const isBodiless = head.status === 204 || head.status === 304;
  return isBodiless || headerOf(head, 'content-length') !== undefined ? 'length' : 'until closed';
}

function bodyOf(bytes: Buffer, framing: Answer['framing'], head: Head, isClosed: boolean) {
  if (framing === 'until closed') return { body: bytes, isWhole: isClosed };
  if (framing === 'chunked') return unchunked(bytes);
  const isBodiless = head.status === 204 || head.status === 304;
  const length = isBodiless ? 0 : Number(headerOf(head, 'content-length'));
  return { body: bytes.subarray(0, length), isWhole: bytes.length >= length };
}

function unchunked(bytes: Buffer): { body: Buffer; isWhole: boolean } {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) break;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16);
    // The official worker writes a second head into a stream that it cannot go on with.
    if (Number.isNaN(size)) return { body: Buffer.concat([...chunks, bytes.subarray(at)]), isWhole: false };
    if (size === 0) return { body: Buffer.concat(chunks), isWhole: bytes.length >= lineEnd + 4 };
    const end = lineEnd + 2 + size;
    chunks.push(bytes.subarray(lineEnd + 2, end));
    if (bytes.length < end + 2) break;
    at = end + 2;
  }
  return { body: Buffer.concat(chunks), isWhole: false };
}
