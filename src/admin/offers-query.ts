import { z } from 'zod';
import { launchFields } from './schema.ts';

/** Fields of a launch that decide which offers fit and how they rank; in a query as in its body. */
const fields = launchFields.pick({
  model: true,
  keep_alive_minutes: true,
  max_lifetime_minutes: true,
  budget_usd: true,
  num_gpus: true,
  gpu_ram_gib: true,
  disk_gb: true,
  image: true,
  interruptible: true,
  max_bid_usd_per_hour: true,
  max_usd_per_hour: true,
  countries: true,
  not_countries: true,
  datacenter_only: true,
  verified_only: true,
  min_reliability: true,
  machines: true,
  not_machines: true,
});

const NAMES = 'names of tiers, separated by commas';
const LIMIT = 'a whole number from 1 to 100';

/** As the document shows it. */
export const offersFields = fields.extend({
  tier: z.array(z.string(NAMES).min(1, NAMES).max(80, NAMES), NAMES).max(64, NAMES).default([]),
  explain: z.boolean('true or false').default(false).describe('Every rejected offer too, with its reasons'),
  limit: z.number(LIMIT).refine(Number.isInteger, LIMIT).min(1, LIMIT).max(100, LIMIT).default(20),
  after: z
    .string()
    .regex(/^[0-9]{1,6}$/, 'the `next` of the answer before')
    .optional(),
});

/** As it arrives: text, whose numbers, flags and lists are read before they are judged. */
export const offersQuery = z.preprocess(readTexts, offersFields);

const LISTS = ['countries', 'not_countries', 'machines', 'not_machines', 'tier'];
const TEXTS = ['model', 'image', 'after', 'countries', 'not_countries', 'tier'];

function readTexts(query: unknown): unknown {
  if (typeof query !== 'object' || query === null) return query;
  return Object.fromEntries(
    Object.entries(query).map(([name, given]) => [
      name,
      LISTS.includes(name) ? readList(name, given) : readOne(name, given),
    ]),
  );
}

/** `a,b` and the name given twice are the same list. */
function readList(name: string, given: unknown): unknown {
  const texts = Array.isArray(given) ? given : [given];
  return texts
    .flatMap((text) => String(text).split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => readOne(name, text));
}

/** What is no number or flag stays text, and is refused as such. */
function readOne(name: string, given: unknown): unknown {
  if (typeof given !== 'string' || TEXTS.includes(name)) return given;
  if (given === 'true' || given === 'false') return given === 'true';
  return given.trim() !== '' && Number.isFinite(Number(given)) ? Number(given) : given;
}
