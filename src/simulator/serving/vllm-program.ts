/**
 * The look-alike as a program: `vllm serve MODEL …`, for start scripts that are really run.
 *
 * Faults and times come from the environment, since the command line is vLLM's: `SIM_VLLM_LOAD_MS`,
 * `SIM_VLLM_SEED`, `SIM_VLLM_TOKEN_DELAY_MS`, and `SIM_VLLM_FAULTS` as JSON `[{"fault", "afterMs"}]`. With
 * `SIM_VLLM_PARENT_PID` it ends when that process has: a simulator that was killed leaves no servers behind.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readServeArguments, refusalLines, type ServeCommand } from './command-line.ts';
import { startFakeVllm } from './fake-vllm.ts';
import type { TlsPems } from './listener.ts';

const Settings = z.object({
  SIM_VLLM_LOAD_MS: z.coerce.number().nonnegative().default(0),
  SIM_VLLM_SEED: z.coerce.number().int().default(1),
  SIM_VLLM_TOKEN_DELAY_MS: z.coerce.number().nonnegative().default(2),
  SIM_VLLM_PARENT_PID: z.coerce.number().int().positive().optional(),
  SIM_VLLM_FAULTS: z
    .string()
    .default('[]')
    .transform((text): unknown => JSON.parse(text))
    .pipe(
      z.array(
        z.object({
          fault: z.enum([
            'model-gated',
            'bad-flag',
            'vllm-never-ready',
            'vllm-dies',
            'vllm-flaps',
            'health-only',
            'vllm-uncounted',
          ]),
          afterMs: z.number().nonnegative(),
        }),
      ),
    ),
});

const PARENT_LOOK_MS = 2_000;

await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<void> {
  const [verb, ...rest] = words;
  if (verb === '--version' || verb === '-v') return print('0.16.0');
  if (verb !== 'serve')
    return fail(2, refusalLines('vllm', `argument subparser: invalid choice: '${verb ?? ''}'`));
  const reading = readServeArguments(rest, environment());
  if (reading.kind === 'refused') return fail(2, reading.lines);
  const tls = readTls(reading.command);
  if (typeof tls === 'string') return fail(1, ['Traceback (most recent call last):', tls]);
  await serve(reading.command, tls);
}

async function serve(command: ServeCommand, tls: TlsPems | null): Promise<void> {
  const settings = Settings.parse(process.env);
  const host = command.host ?? '0.0.0.0';
  const vllm = startFakeVllm({
    ...command,
    host,
    tls,
    loadMs: settings.SIM_VLLM_LOAD_MS,
    faults: settings.SIM_VLLM_FAULTS,
    seed: settings.SIM_VLLM_SEED,
    tokenDelayMs: settings.SIM_VLLM_TOKEN_DELAY_MS,
    announcedUrl: `${tls === null ? 'http' : 'https'}://${host}:${command.port}`,
    pid: process.pid,
    hasHubToken: Boolean(process.env.HF_TOKEN),
    log: ({ text, stream }) => process[stream].write(`${text}\n`),
  });
  // The timer also keeps a server alive that never becomes ready, with no socket and nothing left to do.
  const watch = setInterval(() => {
    if (!isAlive(settings.SIM_VLLM_PARENT_PID)) void vllm.terminate();
  }, PARENT_LOOK_MS);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void vllm.terminate());
  const { code } = await vllm.exited;
  clearInterval(watch);
  process.exitCode = code;
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return true;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The PEMs, or the line Python ends with when a file is not there. */
function readTls({ tls }: ServeCommand): TlsPems | null | string {
  if (tls === null) return null;
  const files = { key: tls.keyFile, cert: tls.certFile };
  try {
    const clientCa =
      tls.caFile !== null && tls.requiresClientCertificate ? readFileSync(tls.caFile, 'utf8') : null;
    return {
      key: readFileSync(files.key, 'utf8'),
      cert: readFileSync(files.cert, 'utf8'),
      ...(clientCa === null ? {} : { clientCa }),
    };
  } catch (error) {
    return `FileNotFoundError: [Errno 2] No such file or directory: ${error instanceof Error ? error.message : error}`;
  }
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(code: number, lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
  process.exitCode = code;
}
