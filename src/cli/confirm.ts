import { createInterface } from 'node:readline/promises';
import { CommandError, EXIT } from './exit-code.ts';

/** Asks a person; any answer but yes is no. `unasked` says how to do without. */
export async function confirm(question: string, unasked: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new CommandError(EXIT.usage, `${question} There is nobody to ask: ${unasked}`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
