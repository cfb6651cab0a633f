import { type FileHandle, open, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 100;
const READ_BYTES = 65_536;
/** A line that is longer is handed on in parts: a log without line ends must not grow memory. */
const LINE_MAX = 65_536;

export type LogTail = {
  readonly file: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
};

/**
 * Every line of a file from its beginning, as it is written, until aborted.
 *
 * 1. A file that is not there yet is waited for.
 * 2. One that was replaced (another inode) or cut (shorter than what was read) is read from its start.
 * 3. A line counts once its end is written, however many writes it took.
 */
export async function tailLog({ file, onLine, signal }: LogTail): Promise<void> {
  while (!signal.aborted) {
    const handle = await open(file, 'r').catch(() => null);
    if (handle === null) await rest(signal);
    else {
      try {
        await follow(handle, { file, onLine, signal });
      } finally {
        await handle.close();
      }
    }
  }
}

/** Until another file has taken its place, or aborted. */
async function follow(handle: FileHandle, { file, onLine, signal }: LogTail): Promise<void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  const { ino } = await handle.stat();
  let lines = new Lines(onLine);
  let offset = 0;
  while (!signal.aborted) {
    const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, offset);
    if (bytesRead > 0) {
      offset += bytesRead;
      lines.take(buffer.subarray(0, bytesRead));
      continue;
    }
    const [now, here] = [await stat(file).catch(() => null), await handle.stat()];
    if (here.size > offset) continue;
    // All of the old file has been read: it was replaced, or is gone and may come again.
    if (now === null || now.ino !== ino) return;
    if (here.size < offset) {
      offset = 0;
      lines = new Lines(onLine);
      continue;
    }
    await rest(signal);
  }
}

/** Bytes into lines. */
class Lines {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(bytes: Buffer): void {
    const [first = '', ...others] = this.#decoder.write(bytes).split('\n');
    this.#rest += first;
    for (const next of others) {
      this.#onLine(this.#rest.replace(/\r$/, ''));
      this.#rest = next;
    }
    if (this.#rest.length > LINE_MAX) {
      this.#onLine(this.#rest);
      this.#rest = '';
    }
  }
}

async function rest(signal: AbortSignal): Promise<void> {
  await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
}
