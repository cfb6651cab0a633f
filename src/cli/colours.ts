import pc from 'picocolors';

type Environment = Readonly<Record<string, string | undefined>>;
type Stream = { readonly isTTY?: boolean };

/**
 * Whether text for `stream` is coloured: `--no-color` and NO_COLOR forbid it, FORCE_COLOR asks for it, and
 * else a terminal decides.
 *
 * picocolors' own answer colours pipes where CI is set, and standard error by what standard output is.
 */
export function areColoursWanted(stream: Stream, environment: Environment, args: readonly string[]): boolean {
  if (args.includes('--no-color') || isSet(environment.NO_COLOR)) return false;
  const forced = environment.FORCE_COLOR;
  if (forced === '0' || forced === 'false') return false;
  if (isSet(forced)) return true;
  return stream.isTTY === true && environment.TERM !== 'dumb';
}

/** For what goes to standard output, which is nearly everything. */
export const colours = pc.createColors(areColoursWanted(process.stdout, process.env, process.argv));

/** For errors. */
export const errorColours = pc.createColors(areColoursWanted(process.stderr, process.env, process.argv));

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}
