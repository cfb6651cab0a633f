import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import pc from 'picocolors';
import { type Logger, multistream, pino } from 'pino';
import type { Config } from '../../config.ts';
import { makeLogger } from '../../logging.ts';

type LogSettings = {
  home: string;
  level: Config['LEASH_LOG_LEVEL'];
  /** Where a person is told; null: nobody is. */
  print: ((line: string) => void) | null;
};

export function logFile(home: string): string {
  return join(home, 'leash.log');
}

/**
 * The log of everything that runs here: a file, and what a person must know of it on the screen, so that
 * the screen stays one page.
 */
export function openLog({ home, level, print }: LogSettings): Logger {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const file = pino.destination({ dest: logFile(home), append: true, sync: true, mode: 0o600 });
  const streams = [{ level: 'trace' as const, stream: file }];
  const screen = print === null ? [] : [{ level: 'error' as const, stream: toScreen(print) }];
  return makeLogger(level, multistream([...streams, ...screen]));
}

function toScreen(print: (line: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      print(screenLine(String(chunk)));
      done();
    },
  });
}

function screenLine(json: string): string {
  const entry = JSON.parse(json) as { msg?: string; err?: { message?: string } };
  const why = entry.err?.message === undefined ? '' : `: ${entry.err.message}`;
  return `${pc.dim(new Date().toTimeString().slice(0, 8))}  ${pc.red(`${entry.msg ?? 'error'}${why}`)}`;
}
