#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { PROFILES, type ProfileName } from './profiles.ts';
import { startSimulator } from './simulator.ts';

type Flags = {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly machines: number;
  readonly timeScale: number;
  readonly rateScale: number;
  readonly profile: ProfileName;
  readonly backend: 'fake' | 'process';
  readonly key?: string;
  readonly state?: string;
  readonly log?: string;
  readonly chargesLag: number;
};

/** `leash simulate`: a market of its own, until it is told to stop. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      'Run a simulated Vast.ai: same API, no account, no cent. The official vastai command works against it.',
    )
    .option('--host <address>', 'address to listen on, for the API and for instances', '127.0.0.1')
    .option('--port <port>', 'port of the API; 0 takes any free one', number({ min: 0, max: 65_535 }), 8700)
    .option('--seed <n>', 'the same seed makes the same machines, prices and faults', number({ min: 0 }), 1)
    .option('--machines <n>', 'machines in the market', number({ min: 1, max: 20_000 }), 300)
    .option(
      '--time-scale <k>',
      'machines boot and the market moves k times faster; books do not',
      number({ above: 0 }),
      60,
    )
    .option(
      '--rate-scale <k>',
      'multiplies the waits between calls; 0 turns limits off',
      number({ min: 0 }),
      1,
    )
    .addOption(new Option('--profile <name>', 'how the market behaves').choices(PROFILES).default('calm'))
    .addOption(
      new Option('--backend <name>', 'what instances serve with: in this process, or their own onstart')
        .choices(['fake', 'process'])
        .default('fake'),
    )
    .option('--key <key>', 'the only key there is; without it any key is an account of its own')
    .option('--state <file>', 'keep contracts, books and ports there over restarts')
    .option('--log <file>', 'append one line of JSON per request')
    .option('--charges-lag <seconds>', 'how far the charges lag behind the meter', number({ min: 0 }), 5)
    .action(simulate);
}

async function simulate(flags: Flags): Promise<void> {
  const { state, log, chargesLag, ...rest } = flags;
  const simulator = await startSimulator({
    ...rest,
    stateFile: state,
    logFile: log,
    chargesLagSeconds: chargesLag,
  });
  process.stdout.write(`${JSON.stringify({ url: simulator.url, key: simulator.key })}\n`);
  const stop = () => {
    simulator.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(
          `cannot stop cleanly: ${error instanceof Error ? error.message : String(error)}\n`,
        );
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function number(bounds: { min?: number; max?: number; above?: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isIn =
      text.trim() !== '' &&
      Number.isFinite(value) &&
      value >= (bounds.min ?? Number.NEGATIVE_INFINITY) &&
      value <= (bounds.max ?? Number.POSITIVE_INFINITY) &&
      value > (bounds.above ?? Number.NEGATIVE_INFINITY);
    if (!isIn) throw new InvalidArgumentError(`must be a number${explain(bounds)}.`);
    return value;
  };
}

function explain({ min, max, above }: { min?: number; max?: number; above?: number }): string {
  if (above !== undefined) return ` above ${above}`;
  if (max !== undefined) return ` from ${min ?? 0} to ${max}`;
  return min === undefined ? '' : ` of at least ${min}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await simulateCommand().parseAsync();
