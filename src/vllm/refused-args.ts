/**
 * The flags among `args` that are ours to set, in the order found, by their proper names.
 *
 * Address, key and names are what the gateway and the probes rely on, and what keeps strangers out; the
 * root path would move `/v1/models` and a middleware can answer in its place.
 */
export function refusedVllmArgs(args: readonly string[]): string[] {
  const refused = args.map(refusedFlag).filter((flag) => flag !== null);
  return [...new Set(refused)];
}

const REFUSED_FLAGS = [
  '--api-key',
  '--host',
  '--port',
  '--ssl-keyfile',
  '--ssl-certfile',
  '--ssl-ca-certs',
  '--ssl-cert-reqs',
  '--ssl-ciphers',
  '--served-model-name',
  '--root-path',
  '--middleware',
] as const;

/** vLLM reads `--api_key`, `--api-key=x` and dotted `--api-key.x`, and, as argparse does, any unique beginning. */
function refusedFlag(arg: string): string | null {
  const [beforeValue = ''] = arg.trim().split(/[=.\s]/, 1);
  const flag = beforeValue.replaceAll('_', '-').toLowerCase();
  if (!/^--[a-z]/.test(flag)) return null;
  if (flag.startsWith('--ssl-')) return flag;
  return REFUSED_FLAGS.find((name) => name === flag) ?? refusedByBeginning(flag);
}

/** `--hos` is `--host` to argparse. A whole flag that happens to begin one of ours (none does today) would be lost. */
function refusedByBeginning(flag: string): string | null {
  return REFUSED_FLAGS.find((name) => name.startsWith(flag)) ?? null;
}
