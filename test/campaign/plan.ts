import { type Random, seededRandom } from '../../src/simulator/random.ts';
import type { CampaignOptions, ProfileName } from './options.ts';
import type { TemporalProgram } from './temporal.ts';

/** What one session is launched with, and what is done to it. */
export type SessionPlan = {
  readonly session: string;
  readonly body: {
    readonly session: string;
    readonly budget_usd: number;
    readonly keep_alive_minutes: number;
    readonly max_lifetime_minutes: number;
    readonly hedge: number;
    readonly replace: boolean;
    readonly interruptible: boolean;
    readonly num_gpus: number;
    readonly max_usd_per_hour?: number;
  };
  /** How it shall end, if nothing ends it before. */
  readonly ends: 'idle' | 'destroy' | 'destroy-early' | 'extend' | 'signals' | 'lifetime' | 'budget';
  /** Seconds after READY, or after its launch for what does not wait for READY. */
  readonly afterSeconds: number;
  readonly extendMinutes: number;
  /** What is done to it from outside. */
  readonly meddling: Meddling | null;
};

/** Somebody at the Web UI, so long after the launch; `pick` chooses where a reset goes to. */
export type Meddling = {
  readonly do: 'terminate' | 'cancel' | 'reset';
  readonly session: string;
  readonly afterSeconds: number;
  readonly pick: number;
};

/** Launched in the same moment. */
export type Launches = readonly SessionPlan[];

/** The ceiling of one session's budget; a crowd asks for all of it. */
export const SESSION_BUDGET_USD = 3;
/** What must be free for one session of the usual kind, on average. */
export const USUAL_BUDGET_USD = 0.7;
const CROWD = 6;
const CROWD_EVERY = 18;

/** The `index`-th launch of a seed: one session, or now and then a crowd that asks for more than there is. */
export function launchesOf(seed: number, index: number): Launches {
  const random = seededRandom(seed, 'launch', index);
  if (index % CROWD_EVERY === CROWD_EVERY - 1) {
    return Array.from({ length: CROWD }, (_, member) => crowded(seed, index, member));
  }
  return [planned(`s${seed}-${index}`, random)];
}

function planned(session: string, random: Random): SessionPlan {
  const ends = random.pick([
    'idle',
    'idle',
    'idle',
    'destroy',
    'destroy',
    'destroy-early',
    'extend',
    'signals',
    'lifetime',
    'budget',
  ] as const);
  const interruptible = random.chance(0.15);
  const lifetime = ends === 'lifetime' ? random.between(0.8, 1.6) : random.between(3, 4);
  return {
    session,
    body: {
      session,
      budget_usd: ends === 'budget' ? cents(random.between(0.35, 0.6)) : cents(random.between(0.5, 0.9)),
      keep_alive_minutes: hundredths(random.between(0.05, 0.25)),
      max_lifetime_minutes: hundredths(lifetime),
      hedge: random.pick([1, 1, 1, 1, 1, 2, 2, 3]),
      replace: random.chance(0.4),
      interruptible,
      num_gpus: ends === 'budget' ? random.pick([2, 4]) : 1,
    },
    ends,
    afterSeconds: random.between(0.5, 12),
    extendMinutes: hundredths(random.between(0.05, 0.3)),
    meddling: meddlingWith(session, random),
  };
}

/** One session in six, at any time of its usual life. */
function meddlingWith(session: string, random: Random): Meddling | null {
  if (!random.chance(1 / 6)) return null;
  return {
    do: random.pick(['terminate', 'cancel', 'reset'] as const),
    session,
    afterSeconds: Math.round(random.between(2, 60) * 10) / 10,
    pick: random.next(),
  };
}

/** Holds its whole budget and rents little: most of a crowd must be refused. */
function crowded(seed: number, index: number, member: number): SessionPlan {
  const random = seededRandom(seed, 'crowd', index, member);
  const session = `s${seed}-${index}-${member}`;
  return {
    ...planned(session, random),
    body: {
      session,
      budget_usd: SESSION_BUDGET_USD,
      keep_alive_minutes: 0.1,
      max_lifetime_minutes: 3,
      hedge: 1,
      replace: false,
      interruptible: false,
      num_gpus: 1,
    },
    ends: 'destroy',
    afterSeconds: random.between(0, 3),
  };
}

/** What is ended with SIGKILL at any moment. */
export type Killed = 'worker' | 'server' | TemporalProgram;

/** Something that goes wrong. */
export type Mishap =
  | { readonly do: 'crash'; readonly call: string; readonly moment: string }
  | { readonly do: 'kill'; readonly what: Killed }
  | { readonly do: 'suspend'; readonly seconds: number }
  | Meddling
  /** Of the sessions that are open then, one; `pick` from 0 to 1 says which. */
  | { readonly do: Meddling['do']; readonly pick: number }
  | { readonly do: 'terminate-ledger' }
  | { readonly do: 'fault'; readonly script: Readonly<Record<string, string | number>> };

/** A mishap at its time, in seconds from the run's first launch. */
export type Step = { readonly atSeconds: number; readonly mishap: Mishap };

/** How often each kind of thing goes wrong, as the mean time between two of them in seconds. */
const EVERY_SECONDS = {
  worker: 60,
  server: 45,
  temporal: 110,
  postgres: 120,
  suspend: 150,
  ledger: 200,
  fault: 9,
} as const;

/** Outages and faults of a seed, up to `seconds`, in order; crash points are the killer's own. */
export function mishapsOf(
  seed: number,
  run: {
    seconds: number;
    suspendSeconds: number;
    profile: ProfileName;
    temporal: CampaignOptions['temporal'];
  },
): Step[] {
  const all = Object.keys(EVERY_SECONDS) as (keyof typeof EVERY_SECONDS)[];
  const kinds = all.filter((kind) => kind !== 'postgres' || run.temporal === 'postgres');
  const steps = kinds.flatMap((kind) => {
    const random = seededRandom(seed, 'mishaps', kind);
    const found: Step[] = [];
    // The first of each comes early enough for a short run to have it.
    let at = random.between(0.1, 0.5) * EVERY_SECONDS[kind] + 5;
    while (at < run.seconds) {
      found.push({ atSeconds: Math.round(at * 10) / 10, mishap: mishap(kind, random, run.suspendSeconds) });
      at += EVERY_SECONDS[kind] * random.between(0.5, 1.5);
    }
    return found;
  });
  return steps.sort((a, b) => a.atSeconds - b.atSeconds);
}

function mishap(kind: keyof typeof EVERY_SECONDS, random: Random, suspendSeconds: number): Mishap {
  switch (kind) {
    case 'worker':
    case 'server':
    case 'temporal':
    case 'postgres':
      return { do: 'kill', what: kind };
    case 'suspend':
      return { do: 'suspend', seconds: Math.round(suspendSeconds * random.between(0.6, 1)) };
    case 'ledger':
      return { do: 'terminate-ledger' };
    case 'fault':
      return { do: 'fault', script: random.pick(SCRIPTED) };
  }
}

/** The faults that profiles leave to scripts, or play seldom, and those that cost money when misread. */
const SCRIPTED: readonly Readonly<Record<string, string | number>>[] = [
  { call: 'create', fault: 'reply-lost-after' },
  { call: 'create', fault: 'reply-lost-before' },
  { call: 'create', fault: 'slow-reply', seconds: 34 },
  { call: 'create', fault: 'late', seconds: 8 },
  { call: 'create', fault: 'server-error' },
  { call: 'create', fault: 'not-json' },
  { call: 'create', fault: 'offer-gone' },
  { call: 'create', fault: 'spend-rate' },
  { call: 'create', fault: 'refused-with-contract' },
  { call: 'create', fault: 'listed-late', seconds: 15 },
  { call: 'create', fault: 'never-listed' },
  { call: 'list', fault: 'omitted-once', times: 4 },
  { call: 'list', fault: 'server-error', times: 4 },
  { call: 'list', fault: 'not-json', times: 2 },
  { call: 'list', fault: 'page-fails', times: 2 },
  { call: 'list', fault: 'auth-error', times: 2 },
  { call: 'show', fault: 'auth-error', times: 3 },
  { call: 'show', fault: 'reply-lost-after', times: 2 },
  { call: 'destroy', fault: 'destroy-lingers', seconds: 15, times: 2 },
  { call: 'destroy', fault: 'destroy-refused', times: 2 },
  { call: 'destroy', fault: 'reply-lost-after' },
  { call: 'destroy', fault: 'late', seconds: 5 },
  { call: 'destroy', fault: 'auth-error' },
  { call: 'search', fault: 'too-many', times: 2 },
  { call: 'charges', fault: 'reply-lost-before', times: 2 },
  { call: 'user', fault: 'server-error', times: 2 },
  { call: 'logs', fault: 'reply-lost-after' },
  { fault: 'stuck-loading' },
  { fault: 'cdi-error' },
  { fault: 'oci-error' },
  { fault: 'driver-too-old' },
  { fault: 'exits' },
  { fault: 'port-missing' },
  { fault: 'port-unreachable' },
  { fault: 'vllm-dies', seconds: 6 },
  { fault: 'vllm-flaps', seconds: 4 },
  { fault: 'offline', seconds: 5 },
  { fault: 'overcharged', seconds: 3 },
  { fault: 'stopped-by-provider', seconds: 5 },
  { fault: 'outbid', seconds: 5 },
];

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}

function hundredths(minutes: number): number {
  return Math.round(minutes * 100) / 100;
}
