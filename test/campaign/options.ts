import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';

export const PROFILES = ['calm', 'flaky', 'hostile'] as const;
export type ProfileName = (typeof PROFILES)[number];

/** What a campaign is asked to do. One seed is one stack's whole run. */
export type CampaignOptions = {
  readonly seeds: readonly number[];
  /** Sessions that each seed launches; with `minutes`, the most it launches. */
  readonly sessions: number;
  /** Sessions that a stack keeps open at once. */
  readonly together: number;
  /** Null: a mix, by seed. */
  readonly profile: ProfileName | null;
  /** Stacks side by side. */
  readonly stacks: number;
  /** Goes on launching for so long; null: until `sessions` are launched. */
  readonly minutes: number | null;
  readonly backend: 'fake' | 'process';
  /** `postgres`: the processes of docker-compose.yml, natively, and two workers; `development`: one of `npm start`'s. */
  readonly temporal: 'development' | 'postgres';
  /** Where `src/worker.ts` and `src/server.ts` are started from; a broken copy is tried by naming it. */
  readonly product: string;
  /** Whose workflows must be able to go on with every history; the product's own, or a newer build's. */
  readonly replayWith: string;
  /** Instances of other people in the same account, beside those whose labels look like ours. */
  readonly strangers: number;
  /** Longest a worker stays suspended. */
  readonly suspendSeconds: number;
  /** Where the report goes as JSON. */
  readonly json: string | null;
  /** What shall go wrong, step by step, instead of what the seed makes up. */
  readonly script: string | null;
  /** Homes and logs are left there instead of being removed. */
  readonly keep: string | null;
  /** Minutes in which a violation's steps are made fewer; 0 leaves them as they were. */
  readonly shrinkMinutes: number;
};

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

export const USAGE = `npm run campaign -- [options]
  --seeds A..B        one run for each seed (1..2)
  --sessions N        sessions of each run (60)
  --together N        sessions of a run that are open at once (24)
  --profile NAME      calm, flaky or hostile; left out: by seed, all three
  --stacks K          runs side by side, each with its own Temporal, market, worker and server (2)
  --minutes M         launch for so long, up to --sessions
  --strangers N       instances that other people rent in the account before all else (0)
  --suspend SECONDS   how long a worker is suspended (20)
  --backend NAME      what rented instances serve with: fake, process (fake)
  --temporal NAME     development (its own server on SQLite, one worker) or postgres (the server of a deployment on
                      PostgreSQL with the settings of docker-compose.yml, two workers, both killed too)
  --product DIR       start worker and server from this checkout
  --replay-with DIR   replay the histories with the workflows of this checkout (the product's)
  --script FILE       play these steps instead of the seed's own (one seed)
  --json FILE         write the report there
  --keep DIR          keep homes and logs there
  --shrink MINUTES    time to make a violation's steps fewer (6)
  --no-shrink         leave them as they were`;

/** Throws a sentence for whoever typed it. */
export function parseOptions(args: readonly string[]): CampaignOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '1..2' },
      sessions: { type: 'string' },
      together: { type: 'string', default: '24' },
      profile: { type: 'string' },
      stacks: { type: 'string', default: '2' },
      minutes: { type: 'string' },
      strangers: { type: 'string', default: '0' },
      suspend: { type: 'string', default: '20' },
      backend: { type: 'string', default: 'fake' },
      temporal: { type: 'string', default: 'development' },
      product: { type: 'string', default: ROOT },
      'replay-with': { type: 'string' },
      script: { type: 'string' },
      json: { type: 'string' },
      keep: { type: 'string' },
      shrink: { type: 'string', default: '6' },
      'no-shrink': { type: 'boolean', default: false },
    },
  });
  const minutes = values.minutes === undefined ? null : positive('--minutes', values.minutes);
  const seeds = parseSeeds(values.seeds);
  if (values.script !== undefined && seeds.length !== 1)
    throw new Error('--script plays the steps of one run: name one seed, as in --seeds 7.');
  return {
    seeds,
    sessions: whole('--sessions', values.sessions ?? (minutes === null ? '60' : '100000')),
    together: whole('--together', values.together),
    profile: values.profile === undefined ? null : oneOf('--profile', values.profile, PROFILES),
    stacks: whole('--stacks', values.stacks),
    minutes,
    backend: oneOf('--backend', values.backend, ['fake', 'process'] as const),
    temporal: oneOf('--temporal', values.temporal, ['development', 'postgres'] as const),
    product: values.product,
    replayWith: values['replay-with'] ?? values.product,
    strangers: values.strangers === '0' ? 0 : whole('--strangers', values.strangers),
    suspendSeconds: positive('--suspend', values.suspend),
    json: values.json ?? null,
    script: values.script ?? null,
    keep: values.keep ?? null,
    shrinkMinutes: values['no-shrink'] ? 0 : positive('--shrink', values.shrink),
  };
}

/** `7`, `1..4` or `1,5,9`. */
export function parseSeeds(text: string): number[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(text);
  if (range !== null) {
    const [from, to] = [Number(range[1]), Number(range[2])];
    if (to < from || to - from >= 10_000) throw new Error(`--seeds ${text}: from the lower to the higher.`);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  }
  const seeds = text.split(',').map(Number);
  if (seeds.some((seed) => !Number.isInteger(seed) || seed < 0))
    throw new Error(`--seeds ${text}: a number, A..B, or A,B,C.`);
  return seeds;
}

/** The market of a seed, where none is named for all. */
export function profileOf(seed: number, profile: ProfileName | null): ProfileName {
  return profile ?? PROFILES[(seed + 1) % PROFILES.length] ?? 'flaky';
}

function positive(name: string, text: string): number {
  const parsed = z.coerce.number().positive().safeParse(text);
  if (!parsed.success) throw new Error(`${name} ${text}: a number above 0.`);
  return parsed.data;
}

function whole(name: string, text: string): number {
  const parsed = z.coerce.number().int().positive().safeParse(text);
  if (!parsed.success) throw new Error(`${name} ${text}: a whole number above 0.`);
  return parsed.data;
}

function oneOf<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new Error(`${name} ${text}: one of ${words.join(', ')}.`);
  return found;
}
