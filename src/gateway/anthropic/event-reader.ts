/** The longest event that is read; one of the API's is some kilobytes. */
const EVENT_BYTES_MAX = 1_024 * 1_024;

const LF = 0x0a;
const CR = 0x0d;

/**
 * Reads the data of server-sent events from bytes that are cut anywhere, also within a character or between the CR
 * and the LF of a line's end. Throws a RangeError where an event does not end within a mebibyte.
 */
export class EventReader {
  #held: Buffer[] = [];
  #heldBytes = 0;
  #data: string[] = [];
  #dataBytes = 0;
  #isAfterCr = false;

  /** The data of each event that these bytes complete. */
  read(bytes: Buffer): string[] {
    const events: string[] = [];
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at];
      const isSecondHalf = byte === LF && this.#isAfterCr;
      this.#isAfterCr = byte === CR;
      if (isSecondHalf) start = at + 1;
      else if (byte === LF || byte === CR) {
        this.#endLine(this.#take(bytes.subarray(start, at)), events);
        start = at + 1;
      }
    }
    this.#hold(bytes.subarray(start));
    return events;
  }

  #endLine(line: string, events: string[]): void {
    if (line === '') {
      if (this.#data.length > 0) events.push(this.#data.join('\n'));
      this.#data = [];
      this.#dataBytes = 0;
    } else if (line.startsWith('data:')) {
      this.#data.push(line.slice(line[5] === ' ' ? 6 : 5));
      this.#dataBytes += line.length;
    }
  }

  #take(end: Buffer): string {
    if (this.#heldBytes === 0) return end.toString('utf8');
    const line = Buffer.concat([...this.#held, end]).toString('utf8');
    this.#held = [];
    this.#heldBytes = 0;
    return line;
  }

  #hold(rest: Buffer): void {
    if (rest.length > 0) this.#held.push(Buffer.from(rest));
    this.#heldBytes += rest.length;
    if (this.#heldBytes + this.#dataBytes > EVENT_BYTES_MAX) throw new RangeError('An event does not end.');
  }
}
