import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { type AdminApi, connectAdmin } from './http.ts';
import type { Look } from './status-text.ts';
import { findTarget } from './target.ts';

/** What every command over the admin API is given. */
export type Call = {
  readonly api: AdminApi;
  /** Print the wire JSON and nothing else on standard output. */
  readonly isJson: boolean;
};

/** The options that stand before or after any command. */
export function addGlobalOptions(program: Command): Command {
  return program
    .addOption(
      new Option(
        '--url <url>',
        'the leash server (default: http://127.0.0.1:8080, or LEASH_HOST, LEASH_PORT)',
      ).argParser(httpUrl),
    )
    .option('--json', 'print the JSON of the admin API and nothing else')
    .option('--no-color', 'no colours; so does NO_COLOR=1, and FORCE_COLOR=1 wants them in a pipe too');
}

export function callOf(command: Command): Call {
  const options = command.optsWithGlobals<{ url?: string; json?: boolean }>();
  return { api: connectAdmin(findTarget({ url: options.url }, process.env)), isJson: options.json === true };
}

export function sessionOption(): Option {
  return new Option('-s, --session <name>', 'the session').default('default').argParser((text) => {
    if (/^[a-z0-9][a-z0-9-]{0,39}$/.test(text)) return text;
    throw new InvalidArgumentError('1 to 40 of a-z, 0-9 and -, beginning with a letter or a digit.');
  });
}

export function positive(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('A number above zero is wanted.');
}

export function notNegative(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number >= 0) return number;
  throw new InvalidArgumentError('A number of zero or more is wanted.');
}

export function wholePositive(text: string): number {
  const number = positive(text);
  if (Number.isInteger(number)) return number;
  throw new InvalidArgumentError('A whole number above zero is wanted.');
}

/** A day or a moment, as the API takes them. */
export function dayOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text))) return text;
    throw new InvalidArgumentError('A day such as 2026-03-31 or a moment such as 2026-03-31T12:00:00Z.');
  });
}

function httpUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('An address such as http://127.0.0.1:8080 is wanted.');
}

export function printJson(body: unknown): void {
  process.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
}

export function printLines(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Piped output has no width of its own, and nothing is cut there; nor has a terminal that says it has none. */
export function lookNow(): Look {
  const width = process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : Infinity;
  return { nowMs: Date.now(), width };
}
