import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError } from '../config.ts';
import { Problem } from '../domain/problem.ts';
import { DEFAULT_TIERS, type Tier } from '../domain/tier.ts';
import { parseInput } from './input.ts';
import { toTier } from './present.ts';
import { tierSchema } from './schema.ts';

const tiersFile = z.array(tierSchema, 'a list of GPU tiers').min(1, 'at least one tier');

/**
 * The fallback table of this installation: that of the file LEASH_TIERS names, written as `tiers` of a
 * launch, or the default one. Throws a `ConfigError` that says everything wrong with the file.
 */
export function readTiers(file: string | undefined): readonly Tier[] {
  if (file === undefined) return DEFAULT_TIERS;
  try {
    return parseTiers(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const wrong = error instanceof Problem ? error.problems : [];
    throw new ConfigError(
      wrong.length === 0
        ? [`LEASH_TIERS: ${file} cannot be read: ${error.message}`]
        : wrong.map(({ field, allowed }) => `LEASH_TIERS: ${file}: ${field}: allowed is ${allowed}`),
    );
  }
}

/** A table as it is written. Throws a `SyntaxError` for what is no JSON, and a `Problem` for what is no table. */
export function parseTiers(text: string): readonly Tier[] {
  const given: unknown = JSON.parse(text);
  return parseInput({ tiers: { schema: tiersFile, given, name: 'tiers' } }).tiers.map(toTier);
}
