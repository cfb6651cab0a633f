import { ZodError } from 'zod';
import { parseTiers } from '../../src/admin/tiers-file.ts';
import { ConfigError, parseConfig, redactedConfig } from '../../src/config.ts';
import { Problem } from '../../src/domain/problem.ts';
import { mergePrices, priceOf, usdOf } from '../../src/gateway/anthropic/prices.ts';
import { environmentSchema, outsidePortOf } from '../../src/pyworker/environment.ts';
import { decoded } from '../../src/sessions/timeline/payloads.ts';
import { SEEDS } from './seeds.ts';
import { ofJson, type Target, unless } from './target.ts';

const SECRET = 'a-secret-of-ours';
const USED = {
  promptTokens: 1,
  completionTokens: 1,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  thinkingTokens: 0,
};

/** What whoever runs it writes, and what Temporal has kept. */
export const SETTING_TARGETS: readonly Target[] = [
  {
    name: 'settings',
    seeds: SEEDS.settings,
    take: (input) => {
      const given = Object.fromEntries(new URLSearchParams(input.toString()));
      const environment = { ...given, ADMIN_TOKEN: SECRET, VASTAI_API_KEY: SECRET };
      try {
        if (JSON.stringify(redactedConfig(parseConfig(environment))).includes(SECRET))
          throw new Error('A secret is shown.');
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        if (error.message.includes(SECRET) && !input.includes(SECRET)) throw new Error('A secret is quoted.');
      }
    },
  },
  {
    name: 'table of GPUs (LEASH_TIERS)',
    seeds: SEEDS.tiers,
    take: unless([Problem, SyntaxError], (input: Buffer) => {
      if (parseTiers(input.toString()).length === 0) throw new Error('A table without a row.');
    }),
  },
  ofJson(
    'prices of models',
    ['{"claude-x":{"input":1,"output":5}}', '{"claude-x":{"input":1,"output":5,"cache_read":0.1}}'],
    unless([ZodError], (value) => {
      for (const [model] of mergePrices(value)) {
        const price = priceOf(model);
        if (price !== null) usdOf(price, USED);
      }
    }),
  ),
  {
    name: 'environment of a worker',
    seeds: SEEDS.workerEnvironment,
    take: (input) => {
      const environment = Object.fromEntries(new URLSearchParams(input.toString()));
      environmentSchema.safeParse(environment);
      outsidePortOf(environment, 3_000);
    },
  },
  {
    name: 'payloads of histories',
    seeds: ['{"a":1}', '"text"', 'null', ''],
    take: (input) => void decoded({ data: input }),
  },
];
