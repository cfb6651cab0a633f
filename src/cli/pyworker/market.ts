import { parseConfig } from '../../config.ts';
import { createVastClient, MarketError, type VastClient } from '../../vast/client.ts';
import { createServerlessClient, type ServerlessClient } from '../../vast/serverless.ts';
import { CommandError, EXIT } from '../exit-code.ts';

/** The market as these commands use it; they hold the key themselves, as `doctor` does. */
export type Market = {
  readonly apiUrl: string;
  readonly serverless: ServerlessClient;
  readonly instances: VastClient;
};

/** Runs `work` with the market, and says a failing call as a command's end: what happened, and what to do. */
export async function withMarket<Result>(
  environment: NodeJS.ProcessEnv,
  remedy: string,
  work: (market: Market) => Promise<Result>,
): Promise<Result> {
  const {
    VASTAI_API_KEY: apiKey,
    VASTAI_API_URL: apiUrl,
    LEASH_RATE_SCALE: rateScale,
  } = parseConfig(environment);
  if (apiKey === undefined)
    throw new CommandError(
      EXIT.usage,
      'VASTAI_API_KEY is not set: this is done with the key of the account.',
    );
  const options = { apiUrl, apiKey, rateScale };
  const serverless = createServerlessClient(options);
  const instances = createVastClient(options);
  try {
    return await work({ apiUrl, serverless, instances });
  } catch (error) {
    if (error instanceof MarketError) throw endOf(error, remedy);
    throw error;
  } finally {
    await Promise.all([serverless.close(), instances.close()]);
  }
}

function endOf(error: MarketError, remedy: string): CommandError {
  if (error.kind === 'auth')
    return new CommandError(
      EXIT.refused,
      `${error.message} Set VASTAI_API_KEY to a key of the account that has the permissions misc, user_read, instance_write and, for templates, user_write.`,
    );
  const exitCode = error.kind === 'refused' ? EXIT.refused : EXIT.unreachable;
  return new CommandError(exitCode, `${error.message} ${remedy}`);
}
