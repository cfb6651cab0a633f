import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type Logger, multistream, pino } from 'pino';
import type { Config } from '../../config.ts';
import { makeLogger } from '../../logging.ts';
import { colours } from '../colours.ts';

type LogSettings = {
  home: string;
  level: Config['LEASH_LOG_LEVEL'];
  /** Where a person is told; null: nobody is. */
  print: ((line: string) => void) | null;
  /** All of it on standard error too, as it is written to the file. */
  isVerbose?: boolean;
};

export function logFile(home: string): string {
  return join(home, 'leash.log');
}

/**
 * The log of everything that runs here: a file, and what a person must know of it on the screen, so that
 * the screen stays one page.
 */
export function openLog({ home, level, print, isVerbose = false }: LogSettings): Logger {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const file = pino.destination({ dest: logFile(home), append: true, sync: true, mode: 0o600 });
  const streams = [{ level: 'trace' as const, stream: file }];
  const screen = print === null ? [] : [{ level: 'error' as const, stream: toScreen(print) }];
  const verbose = isVerbose ? [{ level: 'trace' as const, stream: process.stderr }] : [];
  return makeLogger(level, multistream([...streams, ...screen, ...verbose]));
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

type Entry = {
  msg?: string;
  message?: string;
  error?: string;
  err?: { message?: string };
  workflowId?: string;
};

function screenLine(json: string): string {
  const { msg, message, error, err, workflowId } = JSON.parse(json) as Entry;
  const what = [msg, workflowId, err?.message ?? error ?? message].filter((part) => part !== undefined);
  return `${colours.dim(new Date().toTimeString().slice(0, 8))}  ${colours.red(what.join(': '))}`;
}
