import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SimulatorOptions, startSimulator } from '../../simulator/simulator.ts';

export type SimulatedMarket = {
  readonly kind: 'simulated';
  readonly url: string;
  readonly key: string;
  /** How much faster its machines boot than real ones. */
  readonly timeScale: number;
  close(): Promise<void>;
};

/** As `leash simulate` has it. */
const TIME_SCALE = 60;

/** What a caller may want of it beyond its place. */
export type SimulatorChoices = Partial<
  Pick<SimulatorOptions, 'timeScale' | 'profile' | 'seed' | 'backend' | 'machines'>
>;

/**
 * The simulated market of this installation: its contracts and its key lie in the home, so that it is the
 * same market after a restart, and what was rented there is still known.
 */
export async function startSimulatedMarket(
  settings: { home: string; port: number; rateScale: number } & SimulatorChoices,
): Promise<SimulatedMarket> {
  const { home, timeScale = TIME_SCALE, ...choices } = settings;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const key = readOrMakeKey(join(home, 'simulator-key'));
  const market = await startSimulator({
    ...choices,
    timeScale,
    host: '127.0.0.1',
    key,
    stateFile: join(home, 'simulator-state.json'),
  }).catch((error: unknown) => {
    throw isPortTaken(error) ? new Error(portTakenText(settings.port), { cause: error }) : error;
  });
  return { kind: 'simulated', url: market.url, key, timeScale, close: () => market.close() };
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

function portTakenText(port: number): string {
  return `Port ${port} on 127.0.0.1, wanted for the simulated market, is in use: by another \`leash up\`, perhaps. Stop that, or set LEASH_SIMULATOR_PORT to a free one.`;
}

function readOrMakeKey(file: string): string {
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}
