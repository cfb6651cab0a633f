import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { Instance } from '../domain/instance.ts';
import { openInstallation } from '../installation.ts';
import { createVastClient, MarketError, type VastClient } from '../vast/client.ts';
import { CommandError, EXIT } from './exit-code.ts';

/** Null where no installation lies in this home; one is not made here, whose owner would have rented nothing. */
export function ownerOf(config: Config): string | null {
  if (config.LEASH_OWNER !== undefined) return config.LEASH_OWNER;
  if (!existsSync(join(config.LEASH_HOME, 'installation.json'))) return null;
  return openInstallation({ home: config.LEASH_HOME, secretFile: config.LEASH_SECRET_FILE }).owner;
}

/** Runs `act` with a client of the account; its failures are said in a sentence. */
export async function withAccount<Result>(
  config: Config,
  act: (vast: VastClient) => Promise<Result>,
): Promise<Result> {
  if (config.VASTAI_API_KEY === undefined)
    throw new CommandError(EXIT.usage, 'VASTAI_API_KEY is not set: without Temporal this goes by the key.');
  const vast = createVastClient({
    apiUrl: config.VASTAI_API_URL,
    apiKey: config.VASTAI_API_KEY,
    rateScale: config.LEASH_RATE_SCALE,
  });
  try {
    return await act(vast);
  } catch (error) {
    if (!(error instanceof MarketError)) throw error;
    throw new CommandError(error.kind === 'auth' ? EXIT.refused : EXIT.unreachable, error.message);
  } finally {
    await vast.close();
  }
}

/** Everything in the account, whoever's. */
export function listOf(vast: VastClient): Promise<Instance[]> {
  return vast.listInstances({}, { deadlineMs: Date.now() + 60_000 });
}
