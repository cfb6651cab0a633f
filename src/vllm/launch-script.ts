import { gzipSync } from 'node:zlib';
import { refusedVllmArgs } from '../domain/vllm-args.ts';
import { bashWord } from './bash-words.ts';
import { GUARD_BLOCK, type GuardTerms, guardEnvironment } from './guard-script.ts';

/** What starts one instance's model server. */
export type LaunchOptions = {
  /** The name callers use in `model`. */
  readonly servedName: string;
  /** What the server loads: a repository on the hub, or a path in the container. */
  readonly modelToLoad: string;
  readonly vllmArgs: readonly string[];
  readonly apiKey: string;
  /** In the environment too, where nobody can change it: it says whose the instance is. */
  readonly label: string;
  /** Port inside the container. */
  readonly port?: number;
  readonly hfToken?: string;
  readonly tls?: { readonly certificatePem: string; readonly keyPem: string };
  /** Without it nothing ends the instance but us. */
  readonly guard?: GuardTerms;
};

/** The script that Vast runs at every start of the container, and the environment it needs. */
export type Launch = {
  readonly onstart: string;
  readonly environment: Record<string, string>;
};

/** Longest `onstart` the market takes, counted in bytes here, which is never less than in characters. */
export const ONSTART_BYTES_MAX = 4048;
/** The market's bound for all names and values of `env` together. */
export const ENVIRONMENT_BYTES_MAX = 32_768;

/**
 * The start script and environment that make a container serve `modelToLoad`.
 *
 * 1. Secrets travel in the environment only: the script is shown in the console, and a command line in `ps`.
 * 2. The server replaces the shell, so its output is the container's log and its end is the script's end.
 * 3. The script may run again after a restart of the container: it leaves nothing it would trip over.
 *
 * Throws when `vllmArgs` names a flag that is ours, or when no packing makes it fit the market's bounds.
 */
export function composeLaunch(options: LaunchOptions): Launch {
  const refused = refusedVllmArgs(options.vllmArgs);
  if (refused.length > 0) throw new Error(`Cannot pass ${refused.join(', ')} to vLLM: Leash sets it.`);
  const launch = packIfTooLong({ onstart: composeScript(options), environment: composeEnvironment(options) });
  const bytes = environmentBytes(launch.environment);
  if (bytes > ENVIRONMENT_BYTES_MAX) {
    throw new Error(
      `Cannot launch: script and environment take ${bytes} bytes of ${ENVIRONMENT_BYTES_MAX}; shorten vllm_args.`,
    );
  }
  return launch;
}

/** The guard comes first: it must watch even where what follows fails. */
function composeScript(options: LaunchOptions): string {
  const blocks = [
    '#!/bin/bash',
    // Not `set -u`: the image's own start-up files are not ours to judge.
    'set -e',
    ...(options.guard === undefined ? [] : [GUARD_BLOCK]),
    ...(options.tls === undefined ? [] : [WRITE_TLS_FILES]),
    FIND_VLLM,
    `exec ${serveWords(options).join(' ')}`,
  ];
  return `${blocks.join('\n')}\n`;
}

/** Written in a subshell, so that the mask does not stay on for the files of vLLM itself. */
const WRITE_TLS_FILES = `leash_dir=$(mktemp -d)
(
  umask 077
  printf %s "$LEASH_TLS_CERT_B64" | base64 -d > "$leash_dir/tls-cert.pem"
  printf %s "$LEASH_TLS_KEY_B64" | base64 -d > "$leash_dir/tls-key.pem"
)
unset LEASH_TLS_CERT_B64 LEASH_TLS_KEY_B64`;

/** Images of older make have the module only. A stand-in on PATH leaves one command line, readable as it is. */
const FIND_VLLM = `if ! command -v vllm > /dev/null; then
  leash_bin=$(mktemp -d)
  printf '#!/bin/sh\\nshift\\nexec python3 -m vllm.entrypoints.openai.api_server --model "$@"\\n' > "$leash_bin/vllm"
  chmod 700 "$leash_bin/vllm"
  PATH=$PATH:$leash_bin
fi`;

/**
 * The command line. A stray word among the caller's arguments lands behind the port, which takes one value,
 * and is refused there; behind `--served-model-name` it would become one more name of the model.
 */
function serveWords({ servedName, modelToLoad, vllmArgs, port = 8000, tls }: LaunchOptions): string[] {
  const tlsFlags = ['--ssl-certfile "$leash_dir/tls-cert.pem"', '--ssl-keyfile "$leash_dir/tls-key.pem"'];
  return [
    'vllm serve',
    bashWord(modelToLoad),
    `--served-model-name ${bashWord(servedName)}`,
    ...(tls === undefined ? [] : tlsFlags),
    `--host "\${LEASH_LISTEN_HOST:-0.0.0.0}"`,
    `--port "\${LEASH_LISTEN_PORT:-${port}}"`,
    ...vllmArgs.map(bashWord),
  ];
}

function composeEnvironment({ apiKey, label, hfToken, tls, guard }: LaunchOptions): Record<string, string> {
  return {
    VLLM_API_KEY: apiKey,
    LEASH_LABEL: label,
    ...(guard === undefined ? {} : guardEnvironment(guard, { isTls: tls !== undefined })),
    ...(hfToken === undefined ? {} : { HF_TOKEN: hfToken }),
    ...(tls === undefined
      ? {}
      : { LEASH_TLS_CERT_B64: toBase64(tls.certificatePem), LEASH_TLS_KEY_B64: toBase64(tls.keyPem) }),
  };
}

/** A script over the market's bound travels compressed in the environment, and `onstart` unpacks it. */
function packIfTooLong({ onstart, environment }: Launch): Launch {
  if (Buffer.byteLength(onstart) <= ONSTART_BYTES_MAX) return { onstart, environment };
  return {
    onstart: UNPACK_SCRIPT,
    environment: { ...environment, LEASH_SCRIPT_GZ_B64: gzipSync(onstart).toString('base64') },
  };
}

const UNPACK_SCRIPT = `#!/bin/bash
# Starts \`vllm serve\` with arguments too long for this place: gzip in base64.
leash_script=$(printf %s "$LEASH_SCRIPT_GZ_B64" | base64 -d | gzip -d)
unset LEASH_SCRIPT_GZ_B64
eval "$leash_script"
`;

function environmentBytes(environment: Readonly<Record<string, string>>): number {
  return Object.entries(environment).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
}

function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
