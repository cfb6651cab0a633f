/**
 * Arguments of the vLLM server that are ours: who may call it, where it listens, under which name and
 * path it serves. A caller that could set them could open the instance to anybody, or hide it from us.
 */
export const REFUSED_VLLM_ARGS = [
  '--api-key',
  '--host',
  '--port',
  '--ssl-*',
  '--served-model-name',
  '--root-path',
  '--middleware',
  // A file or a socket of the caller's could set any of the above.
  '--config',
  '--uds',
] as const;

/** The refused ones among `args`, by their proper names, in the order found. */
export function refusedVllmArgs(args: readonly string[]): string[] {
  return [...new Set(args.map(findRefusedVllmArg).filter((flag) => flag !== null))];
}

/**
 * The refused argument that `text` spells, or null.
 *
 * vLLM's parser takes underscores for dashes, `--name=value`, `--name.key value` and any abbreviation
 * that is unique among its flags, so all of these count as the flag itself. No flag that a caller may
 * set is the beginning of a refused one.
 */
export function findRefusedVllmArg(text: string): string | null {
  const [, name] = /^\s*--([^\s=.]+)/.exec(text) ?? [];
  if (name === undefined) return null;
  const flag = `--${name.toLowerCase().replaceAll('_', '-')}`;
  const refused = REFUSED_VLLM_ARGS.find((pattern) => isSpelling(flag, pattern));
  return refused ?? null;
}

function isSpelling(flag: string, pattern: string): boolean {
  if (!pattern.endsWith('*')) return pattern.startsWith(flag);
  const family = pattern.slice(0, -1);
  return flag.startsWith(family) || family.startsWith(flag);
}
