/** Calls of the admin API that change something, each by a short verb. */
export const ACCESS_VERBS = [
  'sign-in',
  'launch',
  'extend',
  'destroy',
  'reap',
  'create-key',
  'revoke-key',
  'add-schedule',
  'remove-schedule',
  'switch-provider',
  'test-notifications',
  'forget-machine',
  'promote-version',
] as const;
export type AccessVerb = (typeof ACCESS_VERBS)[number];

/** Who called: the right they had, and what showed it. The token itself is kept nowhere. */
export type Caller = {
  /** Null: nobody we know. */
  readonly role: 'admin' | 'viewer' | null;
  /** Null: the call brought neither. */
  readonly by: 'token' | 'cookie' | null;
};

/** One call that would change something, and what came of it. */
export type AccessRecord = Caller & {
  /** Made with the record: one that is written again is known by it. In one moment, later ones are greater. */
  readonly id: string;
  /** When it was answered. */
  readonly atMs: number;
  readonly address: string;
  readonly what: AccessVerb;
  readonly session: string | null;
  /** What else it was about: a key, hours, a provider, a machine. */
  readonly subject: string | null;
  /** Of HTTP. */
  readonly status: number;
  /** Kind of the refusal; null where it was done. */
  readonly problem: string | null;
};

/** Where a page of records ended; the next one begins below it. */
export type AccessPlace = Pick<AccessRecord, 'atMs' | 'id'>;

const DAY_MS = 86_400_000;
export const ACCESS_KEPT_MS = 365 * DAY_MS;
/** Calls of nobody we know: anybody who reaches the server can cause them, and they are not to fill it. */
export const STRANGERS_KEPT_MS = 30 * DAY_MS;
export const STRANGERS_PER_MINUTE = 60;
