import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { printLines } from '../call-options.ts';
import { colours } from '../colours.ts';
import { logFile, openLog } from '../compose/log.ts';
import type { SimulatorChoices } from '../compose/simulated-market.ts';
import { compose, type Running } from '../compose.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { type AdminApi, connectAdmin } from '../http.ts';
import { watchInterrupts } from '../interrupts.ts';
import { openLiveScreen, waitingFrame } from '../live-screen.ts';

/** A whole installation of its own, on which a demonstration plays. */
export type Stage = {
  readonly running: Running;
  readonly api: AdminApi;
  readonly token: string;
  readonly marketUrl: string;
  /** Aborted when the play is over, however: nothing is watched after that. */
  readonly signal: AbortSignal;
};

type Play = {
  readonly title: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly simulator: SimulatorChoices;
  readonly timeoutMs: number;
  /** Throws a `CommandError` when what was shown is not as it should be. */
  readonly act: (stage: Stage) => Promise<void>;
};

/**
 * Plays on a simulated market, a Temporal server and a home that exist for this play only, whatever the
 * environment holds: it can cost nothing and disturbs no other installation. Returns the exit code.
 */
export async function play({ title, settings, simulator, timeoutMs, act }: Play): Promise<number> {
  using interrupts = watchInterrupts();
  const startedMs = Date.now();
  const base = mkdtempSync(join(tmpdir(), 'leash-demo-'));
  printLines([
    `${colours.bold(title)} ${colours.dim('(a simulated market of its own: nothing here costs money)')}`,
  ]);
  let running: Running | null = null;
  const curtain = new AbortController();
  try {
    running = await raise(base, settings, simulator);
    await Promise.race([
      act(stageOf(running, curtain.signal)),
      deathOf(running),
      overdue(timeoutMs),
      interrupts.first.then(() => {
        throw new CommandError(
          EXIT.interrupted,
          'Interrupted; the simulated market ends with everything on it.',
        );
      }),
    ]);
  } catch (error) {
    curtain.abort();
    await running?.stop();
    const exitCode = error instanceof CommandError ? error.exitCode : EXIT.failed;
    printLines(['', colours.red(reasonOf(error))]);
    if (exitCode === EXIT.interrupted) rmSync(base, { recursive: true, force: true });
    else printLines([`The log is kept: ${logFile(join(base, 'simulated'))}`]);
    return exitCode;
  }
  const troubles = await running.stop();
  for (const { part, why } of troubles) printLines([colours.red(`The ${part}: ${why}`)]);
  rmSync(base, { recursive: true, force: true });
  const seconds = ((Date.now() - startedMs) / 1_000).toFixed(0);
  printLines([
    '',
    troubles.length === 0 ? colours.green(`Done in ${seconds} s.`) : `Ended after ${seconds} s.`,
  ]);
  return troubles.length === 0 ? EXIT.done : EXIT.failed;
}

/** A heading of the play. */
export function scene(text: string): void {
  printLines(['', `${colours.cyan('▸')} ${colours.bold(text)}`]);
}

async function raise(
  base: string,
  settings: Readonly<Record<string, string>>,
  simulator: SimulatorChoices,
): Promise<Running> {
  scene('up: simulated market, Temporal, worker, HTTP server');
  const screen = openLiveScreen();
  const startedMs = Date.now();
  try {
    const running = await compose({
      environment: { ...OWN_PLACES, LEASH_HOME: base, ...settings },
      market: 'simulated',
      ownTemporal: true,
      simulator,
      logger: openLog({ home: join(base, 'simulated'), level: 'info', print: null }),
      onStarting: (names) => screen.show(waitingFrame(`starting ${names.join(' and ')}`, startedMs)),
    });
    screen.print(`  up after ${((Date.now() - startedMs) / 1_000).toFixed(1)} s`);
    screen.print(`  admin API and gateway  ${running.apiUrl}`);
    screen.print(`  Temporal Web UI        ${running.temporal.uiUrl ?? ''}`);
    return running;
  } finally {
    screen.close();
  }
}

const OWN_PLACES = {
  LEASH_PORT: '0',
  LEASH_SIMULATOR_PORT: '0',
  LEASH_TEMPORAL_PORT: '0',
  LEASH_TEMPORAL_UI_PORT: '0',
};

function stageOf(running: Running, signal: AbortSignal): Stage {
  const token = running.installation.adminToken;
  return {
    running,
    token,
    api: connectAdmin({ url: running.apiUrl, tokens: [{ value: token, from: 'this demonstration' }] }),
    marketUrl: running.market.url,
    signal,
  };
}

async function deathOf(running: Running): Promise<never> {
  const { part, why } = await running.died;
  throw new CommandError(EXIT.failed, `The ${part} ended by itself: ${why}`);
}

function overdue(timeoutMs: number): Promise<never> {
  return new Promise((_, reject) => {
    const error = new CommandError(EXIT.failed, `Not done within ${timeoutMs / 1_000} s.`);
    setTimeout(() => reject(error), timeoutMs).unref();
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
