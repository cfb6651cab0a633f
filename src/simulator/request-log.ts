import { createWriteStream, type WriteStream } from 'node:fs';

/** One call as it arrived. `status` is null while it is answered, and where no answer was sent. */
export type RequestEntry = {
  readonly seq: number;
  readonly at: number;
  readonly method: string;
  /** Without its query, where a key may stand. */
  readonly path: string;
  readonly call: string | null;
  status: number | null;
  fault: string | null;
};

/** The newest calls, and all of them as lines of a file where one is named. No keys in either. */
export class RequestLog {
  #entries: RequestEntry[] = [];
  #made = 0;
  readonly #file: WriteStream | null;

  constructor(path: string | undefined) {
    this.#file = path === undefined ? null : createWriteStream(path, { flags: 'a' });
    // A full disk must not end the market.
    this.#file?.on('error', (error) => process.stderr.write(`cannot write the log: ${error.message}\n`));
  }

  open(request: { at: number; method: string; path: string; call: string | null }): RequestEntry {
    this.#made += 1;
    const entry: RequestEntry = { seq: this.#made, ...request, status: null, fault: null };
    this.#entries.push(entry);
    if (this.#entries.length > KEPT * 1.2) this.#entries = this.#entries.slice(-KEPT);
    return entry;
  }

  done(entry: RequestEntry): void {
    this.#file?.write(`${JSON.stringify(entry)}\n`);
  }

  after(seq: number): readonly RequestEntry[] {
    const first = this.#entries.findIndex((entry) => entry.seq > seq);
    return first === -1 ? [] : this.#entries.slice(first);
  }

  close(): void {
    this.#file?.end();
  }
}

const KEPT = 50_000;
