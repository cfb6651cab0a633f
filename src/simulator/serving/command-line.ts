import { gunzipSync } from 'node:zlib';
import { readShellCommands, type ShellCommand } from './shell-words.ts';
import { findFlag } from './vllm-flags.ts';

/** What `vllm serve` was told. */
export type ServeCommand = {
  readonly model: string;
  /** At least one; the model itself when no other name was given. */
  readonly servedModelNames: readonly string[];
  /** As written; null means every interface. */
  readonly host: string | null;
  readonly port: number;
  /** Keys that open `/v1`; empty means open to all. */
  readonly apiKeys: readonly string[];
  readonly maxModelLen: number | null;
  readonly maxNumSeqs: number;
  readonly runner: 'generate' | 'pooling';
  readonly tls: TlsFiles | null;
  /** Every flag as given, for the log: name without dashes → value, or true for a switch. */
  readonly flags: Readonly<Record<string, string | true>>;
};

export type TlsFiles = {
  readonly keyFile: string;
  readonly certFile: string;
  readonly caFile: string | null;
  readonly requiresClientCertificate: boolean;
};

/** A command line, or the words with which vLLM's parser refuses it (it exits with code 2). */
export type ServeReading =
  | { readonly kind: 'serve'; readonly command: ServeCommand }
  | { readonly kind: 'refused'; readonly lines: readonly string[] };

export type ContainerStart = {
  readonly image: string;
  readonly onstart: string | null;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
};

/** The model server that a container starts; null when it starts none. */
export function findServeCommand(start: ContainerStart): ServeReading | null {
  if (start.onstart !== null && start.onstart.trim() !== '') {
    return findInScript(start.onstart, start.environment, 0);
  }
  const named = readIfServe({ words: start.args, environment: start.environment }, 0);
  if (named !== null) return named;
  if (!/vllm/i.test(start.image) || start.args.some((word) => /^(ba)?sh$/.test(word))) return null;
  // The image's entry point is the API server, so its arguments are the server's.
  return readServeArguments(start.args, start.environment, 'api_server.py');
}

/** Reads the words after `vllm serve` (or after the API server's module name). */
export function readServeArguments(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  program: 'vllm' | 'api_server.py' = 'vllm',
): ServeReading {
  const { flags, positional, unrecognized, incomplete } = splitArguments(words);
  if (incomplete !== null) return refuse(program, `argument ${incomplete}: expected one argument`);
  const model = positional[0] ?? lastOf(flags, '--model') ?? DEFAULT_MODEL;
  const strangers = [...unrecognized, ...positional.slice(1)];
  if (strangers.length > 0) return refuse(program, `unrecognized arguments: ${strangers.join(' ')}`);
  const port = Number(lastOf(flags, '--port') ?? 8000);
  if (!Number.isInteger(port)) {
    return refuse(program, `argument --port: invalid int value: '${lastOf(flags, '--port')}'`);
  }
  return { kind: 'serve', command: toCommand({ model, port, flags, environment }) };
}

/** The lines with which argparse gives up. */
export function refusalLines(program: 'vllm' | 'api_server.py', complaint: string): readonly string[] {
  return program === 'vllm'
    ? [
        'usage: vllm [-h] [-v] {chat,complete,serve,bench,collect-env,run-batch} ...',
        `vllm: error: ${complaint}`,
      ]
    : [
        'usage: api_server.py [-h] [--headless] [--api-server-count API_SERVER_COUNT] ...',
        `api_server.py: error: ${complaint}`,
      ];
}

/** What vLLM 0.16 serves when nobody names a model. */
const DEFAULT_MODEL = 'Qwen/Qwen3-0.6B';
const API_SERVER_MODULE = 'vllm.entrypoints.openai.api_server';
/** Commands that may name vLLM without starting it. */
const MENTIONS = new Set([
  'echo',
  'printf',
  'which',
  'type',
  'pip',
  'pip3',
  'pgrep',
  'pkill',
  'grep',
  'command',
  'test',
  '[',
]);
/** A script that unpacks a script that unpacks a script is not one of ours. */
const NESTING_MAX = 3;

type Flags = ReadonlyMap<string, readonly string[]>;

function findInScript(
  script: string,
  environment: Readonly<Record<string, string>>,
  depth: number,
): ServeReading | null {
  for (const command of readShellCommands(script, environment)) {
    const reading = readIfServe(command, depth);
    if (reading !== null) return reading;
  }
  if (depth >= NESTING_MAX) return null;
  for (const packed of packedScripts(script, environment)) {
    const reading = findInScript(packed, environment, depth + 1);
    if (reading !== null) return reading;
  }
  return null;
}

function readIfServe({ words, environment }: ShellCommand, depth: number): ServeReading | null {
  if (MENTIONS.has(words[0] ?? '')) return null;
  for (const [index, word] of words.entries()) {
    const next = words[index + 1];
    if (/(^|\/)vllm$/.test(word) && next === 'serve') {
      return readServeArguments(words.slice(index + 2), environment, 'vllm');
    }
    if (word === '-m' && next === API_SERVER_MODULE) {
      return readServeArguments(words.slice(index + 2), environment, 'api_server.py');
    }
    const script = words[index + 2];
    if (/(^|\/)(ba|da|z)?sh$/.test(word) && /^-\w*c$/.test(next ?? '') && script !== undefined) {
      return depth < NESTING_MAX ? findInScript(script, environment, depth + 1) : null;
    }
  }
  return null;
}

/** Scripts longer than Vast's 4,048 characters travel as base64 of gzip in a variable that the script names. */
function packedScripts(script: string, environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment)
    .filter(([name, value]) => script.includes(name) && value.startsWith('H4sI'))
    .flatMap(([, value]) => {
      try {
        return [gunzipSync(Buffer.from(value, 'base64')).toString('utf8')];
      } catch {
        return []; // Looks like gzip and is not: then it is no script either.
      }
    });
}

function splitArguments(words: readonly string[]) {
  const flags = new Map<string, string[]>();
  const positional: string[] = [];
  const unrecognized: string[] = [];
  let incomplete: string | null = null;
  let at = 0;
  const takeOperands = (max: number): string[] => {
    const taken: string[] = [];
    while (taken.length < max && at < words.length && !isFlag(words[at] ?? '')) taken.push(words[at++] ?? '');
    return taken;
  };
  while (at < words.length) {
    const word = words[at++] ?? '';
    if (!isFlag(word)) {
      positional.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const written = equals === -1 ? word : word.slice(0, equals);
    const found = findFlag(written);
    if (found === null) {
      // argparse leaves the operands of a flag it does not know unclaimed, and lists them with it.
      unrecognized.push(word, ...takeOperands(equals === -1 ? Number.POSITIVE_INFINITY : 0));
    } else if (equals !== -1) {
      flags.set(found.name, [word.slice(equals + 1)]);
    } else if (found.shape === 'switch') {
      flags.set(found.name, []);
    } else {
      const operands = takeOperands(found.shape === 'list' ? Number.POSITIVE_INFINITY : 1);
      if (operands.length === 0) incomplete ??= found.name;
      flags.set(found.name, operands);
    }
  }
  return { flags, positional, unrecognized, incomplete };
}

/** A negative number is an operand, `-1` of `--max-model-len -1` for one. */
function isFlag(word: string): boolean {
  return /^-[^\d\s]/.test(word) && !/\s/.test(word.split('=')[0] ?? '');
}

function toCommand(given: {
  model: string;
  port: number;
  flags: Flags;
  environment: Readonly<Record<string, string>>;
}): ServeCommand {
  const { model, port, flags, environment } = given;
  const named = flags.get('--served-model-name') ?? [];
  const keys = flags.get('--api-key') ?? [environment.VLLM_API_KEY ?? ''];
  return {
    model,
    servedModelNames: named.length > 0 ? named : [model],
    host: lastOf(flags, '--host') ?? null,
    port,
    apiKeys: keys.filter((key) => key !== ''),
    maxModelLen: parseTokens(lastOf(flags, '--max-model-len')),
    maxNumSeqs: Number(lastOf(flags, '--max-num-seqs') ?? 256) || 256,
    runner: isPooling(model, flags) ? 'pooling' : 'generate',
    tls: tlsFiles(flags),
    flags: Object.fromEntries(
      [...flags].map(([name, values]) => [name.slice(2), values.length > 0 ? values.join(' ') : true]),
    ),
  };
}

function lastOf(flags: Flags, name: string): string | undefined {
  return flags.get(name)?.at(-1);
}

/** vLLM reads `4k` as 4,000 and `4K` as 4,096 tokens; `auto` and -1 mean what the model allows. */
function parseTokens(written: string | undefined): number | null {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kKmMgG]?)$/.exec(written ?? '') ?? [];
  if (digits === undefined) return null;
  const factors: Readonly<Record<string, number>> = {
    k: 1e3,
    m: 1e6,
    g: 1e9,
    K: 2 ** 10,
    M: 2 ** 20,
    G: 2 ** 30,
  };
  return Math.floor(Number(digits) * (factors[unit] ?? 1));
}

function isPooling(model: string, flags: Flags): boolean {
  const runner = lastOf(flags, '--runner');
  if (runner !== undefined && runner !== 'auto') return runner === 'pooling';
  if (/^(embed|embedding|classify|score|reward)$/.test(lastOf(flags, '--task') ?? '')) return true;
  return /embed|(^|\/)(bge|e5|gte)-/i.test(model);
}

function tlsFiles(flags: Flags): TlsFiles | null {
  const certFile = lastOf(flags, '--ssl-certfile');
  if (certFile === undefined) return null;
  return {
    certFile,
    keyFile: lastOf(flags, '--ssl-keyfile') ?? certFile,
    caFile: lastOf(flags, '--ssl-ca-certs') ?? null,
    requiresClientCertificate: lastOf(flags, '--ssl-cert-reqs') === '2',
  };
}

function refuse(program: 'vllm' | 'api_server.py', complaint: string): ServeReading {
  return { kind: 'refused', lines: refusalLines(program, complaint) };
}
