import { z } from 'zod';
import { OWNER_ID, SESSION_NAME } from '../domain/label.ts';
import { SESSION_STATES } from '../domain/session.ts';
import { findRefusedVllmArg, REFUSED_VLLM_ARGS } from '../domain/vllm-args.ts';

/**
 * What the admin API is given: bodies and queries, in the words of the wire (snake_case, units last).
 * Every message here completes "allowed: …", because that is where a caller reads it.
 */
export const LIFETIME_MINUTES_MAX = 10_080;
export const WAIT_SECONDS_MAX = 600;

const text = (allowed: string, lengthMax = 200) => z.string(allowed).min(1, allowed).max(lengthMax, allowed);
const above0 = (allowed: string) => z.number(allowed).positive(allowed);
// Not `.int()`, whose failure keeps the rules over several fields from running.
const whole = (min: number, max: number, allowed = `a whole number from ${min} to ${max}`) =>
  z
    .number(allowed)
    .refine(Number.isInteger, allowed)
    .min(min, allowed)
    .max(max, allowed)
    .meta({ type: 'integer' });
const flag = z.boolean('true or false');
const list = <T extends z.ZodType>(item: T, allowed: string, lengthMax = 256) =>
  z.array(item, allowed).max(lengthMax, allowed);

const sessionName = z
  .string('a session name: 1 to 40 of a-z, 0-9 and -, not beginning with -')
  .regex(SESSION_NAME, 'a session name: 1 to 40 of a-z, 0-9 and -, not beginning with -');
const namedSession = sessionName.default('default').describe('Name of the session');

const usdPerHour = above0('a number above 0, USD per hour').max(1_000, 'at most 1000 USD per hour');
const country = z
  .string('a country code of two letters, such as DE')
  .regex(/^[A-Za-z]{2}$/, 'a country code of two letters, such as DE');
const machine = whole(1, Number.MAX_SAFE_INTEGER, 'a machine id, a whole number above 0');
const printable = /^[\x21-\x7e]+$/;

const vllmArg = z
  .string('a string')
  .max(2_000, 'at most 2000 characters')
  .refine((arg) => findRefusedVllmArg(arg) === null, {
    error: `any argument of the vLLM server but ${REFUSED_VLLM_ARGS.join(' ')}, which are set by Leash`,
  });

export const tierSchema = z.strictObject(
  {
    name: text('a name of at most 80 characters', 80),
    gpu_names: list(text("Vast's name of a GPU", 80), 'a list of GPU names', 32).min(
      1,
      'at least one GPU name',
    ),
    vram_gb: above0('a number above 0, GB per GPU').max(10_000, 'at most 10000 GB'),
    usd_per_hour_max: usdPerHour,
    priority: whole(1, 1_000).describe('1 is tried first'),
    use_case: text('a text of at most 200 characters').default('As asked for at launch'),
  },
  'a tier: an object',
);

export const launchFields = z.strictObject(
  {
    session: namedSession,
    model: text('the name of a model, at most 200 characters without spaces')
      .regex(printable, 'the name of a model, at most 200 characters without spaces')
      .optional()
      .describe('Model to serve; LEASH_MODEL when left out'),
    keep_alive_minutes: above0('a number above 0, minutes')
      .optional()
      .describe('How long the session serves after its last use')
      .meta({ default: 45 }),
    auto_switch: flag.default(true).describe('Send traffic here as soon as the session is READY'),
    budget_usd: above0('a number above 0, USD')
      .optional()
      .describe('Most this session may cost; VASTAI_SESSION_BUDGET_LIMIT is its default and ceiling'),
    max_lifetime_minutes: above0('a number above 0, minutes')
      .max(LIFETIME_MINUTES_MAX, `at most ${LIFETIME_MINUTES_MAX} minutes, seven days`)
      .default(1_440)
      .describe('When the session ends whatever its use'),
    hedge: whole(1, 3).default(1).describe('Hosts rented at once, of which the first READY is kept'),
    replace: flag.default(false).describe('Rent again, within the budget, when a READY instance is lost'),
    tiers: list(tierSchema, 'a list of GPU tiers', 64)
      .min(1, 'at least one tier')
      .optional()
      .describe('GPU fallback table of this session'),
    num_gpus: whole(1, 16).default(1),
    gpu_ram_gib: above0('a number above 0, GiB per GPU')
      .max(10_000, 'at most 10000 GiB')
      .optional()
      .describe('Least memory per GPU; computed from the model when left out'),
    disk_gb: above0('a number above 0, GB')
      .max(100_000, 'at most 100000 GB')
      .optional()
      .describe('Disk; computed from image and weights when left out'),
    image: text('the name of a container image, at most 400 characters without spaces', 400)
      .regex(printable, 'the name of a container image, at most 400 characters without spaces')
      .optional()
      .describe('Container image; LEASH_IMAGE when left out'),
    vllm_args: list(vllmArg, 'a list of strings', 128)
      .default([])
      .describe('Further arguments of the vLLM server, one string each'),
    interruptible: flag.default(false).describe('Bid for the machine; a higher bid takes it away'),
    max_bid_usd_per_hour: usdPerHour.optional().describe('Highest bid; needs `interruptible: true`'),
    max_usd_per_hour: usdPerHour.optional().describe("Top price below the tiers' own"),
    countries: list(country, 'a list of country codes').default([]).describe('Only hosts in these'),
    not_countries: list(country, 'a list of country codes').default([]).describe('No hosts in these'),
    datacenter_only: flag.default(false),
    verified_only: flag.default(true),
    min_reliability: z
      .number('a number from 0 to 1')
      .min(0, 'a number from 0 to 1')
      .max(1, 'a number from 0 to 1')
      .default(0.95),
    machines: list(machine, 'a list of machine ids')
      .default([])
      .describe('Only these machines, whatever is remembered of them'),
    not_machines: list(machine, 'a list of machine ids').default([]).describe('Never these machines'),
  },
  'a JSON object',
);

/** Runs a rule over several fields even where one of them is wrong already, so that all is said at once. */
const always = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null };

export const launchBody = launchFields
  .refine(
    ({ keep_alive_minutes, max_lifetime_minutes }) => !isAbove(keep_alive_minutes, max_lifetime_minutes),
    { ...always, path: ['keep_alive_minutes'], error: 'at most max_lifetime_minutes' },
  )
  .refine(
    ({ max_bid_usd_per_hour, interruptible }) => max_bid_usd_per_hour === undefined || interruptible === true,
    { ...always, path: ['max_bid_usd_per_hour'], error: 'only together with interruptible: true' },
  );

/** `launchBody` under the ceiling that this installation sets for one session. */
export function launchBodyWithin({ budgetUsdMax }: { budgetUsdMax: number }) {
  return launchBody.refine(({ budget_usd }) => !isAbove(budget_usd, budgetUsdMax), {
    ...always,
    path: ['budget_usd'],
    error: `at most ${budgetUsdMax} USD, which VASTAI_SESSION_BUDGET_LIMIT sets`,
  });
}

/** False for what is no number: that is another problem, and said already. */
function isAbove(given: unknown, max: number): boolean {
  return typeof given === 'number' && Number.isFinite(given) && given > max;
}

export const extendBody = z.strictObject(
  {
    session: namedSession,
    additional_minutes: above0('a number above 0, minutes')
      .max(LIFETIME_MINUTES_MAX, `at most ${LIFETIME_MINUTES_MAX} minutes, seven days`)
      .describe('Added to the keep-alive deadline'),
  },
  'a JSON object',
);

export const destroyBody = z.strictObject(
  {
    session: namedSession,
    wait_seconds: z
      .number(`a number from 0 to ${WAIT_SECONDS_MAX}, seconds`)
      .min(0, `a number from 0 to ${WAIT_SECONDS_MAX}, seconds`)
      .max(WAIT_SECONDS_MAX, `a number from 0 to ${WAIT_SECONDS_MAX}, seconds`)
      .default(0)
      .describe('How long to wait for the verified end before answering 202'),
  },
  'a JSON object',
);

const clock = z
  .string('a time such as 09:00')
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'a time such as 09:00, from 00:00 to 23:59');

export function hoursBodyWithin(limits: { budgetUsdMax: number }) {
  return z
    .strictObject({ ...hoursFields, launch: launchBodyWithin(limits).prefault({}) }, 'a JSON object')
    .refine(({ from, to }) => from !== to, { ...always, path: ['to'], error: 'another time than `from`' });
}

const hoursFields = {
  id: sessionName.describe('Name of these hours'),
  days: z.enum(['weekdays', 'daily'], 'weekdays or daily').default('weekdays'),
  from: clock.describe('When a session is launched'),
  to: clock.describe('When it is ended; before `from`: on the day after'),
  timezone: z
    .string('the name of a time zone, such as Europe/Berlin')
    .refine(isTimezone, 'the name of a time zone, such as Europe/Berlin')
    .default('UTC'),
};

export const hoursBody = z.strictObject({ ...hoursFields, launch: launchBody.prefault({}) });

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const hoursParams = z.strictObject({ id: sessionName });

export const sessionParams = z.strictObject({ name: sessionName });

export const timelineQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^([1-9][0-9]{0,2}|1000)$/, 'a whole number from 1 to 1000')
    .default('200')
    .describe('Most items of one answer'),
  after: text('the `next` of the answer before', 200).optional(),
});

export const newsQuery = z.strictObject({
  views: z
    .enum(['true', 'false'], 'true or false')
    .default('false')
    .describe('true: besides, `session` with a whole status of each open session, now and when it changes'),
});

const MOMENT = 'a moment such as 2026-03-31T12:00:00Z';
export const samplesQuery = z.strictObject({
  since: z.iso.datetime({ offset: true, error: MOMENT }).optional().describe('Only later ones'),
  limit: z
    .string()
    .regex(/^([1-9][0-9]{0,2}|1[0-4][0-9]{2}|1500)$/, 'a whole number from 1 to 1500')
    .default('1500')
    .describe('Most items of the answer; more are thinned evenly'),
});

export const logsQuery = z.strictObject({
  tail: z
    .string()
    .regex(/^([1-9][0-9]{0,2}|1000)$/, 'a whole number from 1 to 1000')
    .default('200')
    .describe('How many of the newest lines'),
  filter: text('a text of at most 200 characters').optional().describe('Only lines that contain it'),
});

export const reapBody = z.strictObject(
  {
    dry_run: flag.default(false).describe('Only say what would be destroyed'),
    owner: z
      .string('an owner id: 10 of a-z and 0-9')
      .regex(OWNER_ID, 'an owner id: 10 of a-z and 0-9')
      .optional()
      .describe("Another owner, whose instances past their label's expiry are meant; our own when left out"),
  },
  'a JSON object',
);

export const statusQuery = z.strictObject({ session: namedSession });

export const sessionsQuery = z.strictObject({
  state: z
    .enum(SESSION_STATES, `one of ${SESSION_STATES.join(', ')}`)
    .optional()
    .describe('Only sessions in this state'),
  open: z
    .enum(['true', 'false'], 'true or false')
    .optional()
    .describe('true: only those that run; false: only those that ended'),
  limit: z
    .string()
    .regex(/^([1-9][0-9]?|1[0-9]{2}|200)$/, 'a whole number from 1 to 200')
    .optional()
    .describe('Most items of one answer; 50 when left out'),
  after: text('the `next` of the answer before', 4_000).optional(),
});

/** Not strict: a mistyped name of the field would have the token said back. */
export const signInBody = z.object({ token: z.string('the admin token, or the viewer token') });

export * from './key-schema.ts';

/** Bounds of the header; it becomes the id of a Temporal update. */
export const idempotencyKey = z
  .string('1 to 200 printable characters')
  .max(200, '1 to 200 printable characters')
  .regex(/^[\x20-\x7e]+$/, '1 to 200 printable characters');

export type LaunchBody = z.output<typeof launchBody>;
/** As a caller writes it: everything may be left out. */
export type LaunchInput = z.input<typeof launchBody>;
export type ExtendInput = z.input<typeof extendBody>;
export type DestroyInput = z.input<typeof destroyBody>;
export type HoursInput = z.input<typeof hoursBody>;
export type ReapInput = z.input<typeof reapBody>;
