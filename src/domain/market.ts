/** Answers of the market that a session has to tell apart. They are values: a lost reply is an answer too. */

/** What is known after a create was sent, or called off. */
export type CreateResult =
  | { readonly kind: 'created'; readonly instanceId: number; readonly usdPerHour: number | null }
  /** Certainly not created. `code` is Vast's `error`, lower case, or `http-<status>`. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** It may exist and bill: to be settled by its label. */
  | { readonly kind: 'unknown'; readonly message: string };

/** What a read by id says. `cannot tell` is never one of these: it is thrown as a `MarketError`. */
export type ShowResult<Found> =
  | { readonly kind: 'found'; readonly instance: Found }
  | { readonly kind: 'gone' };

/** What one DELETE said. `gone` also stands for an id that never was. */
export type DestroyResult =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly message: string };

/** Why a call gave no usable answer; also the kinds of a `MarketError`. */
export const MARKET_ERROR_KINDS = [
  'auth',
  'too-many',
  'search-quota',
  'unreachable',
  'server-error',
  'refused',
  'bad-answer',
] as const;
export type MarketErrorKind = (typeof MARKET_ERROR_KINDS)[number];

/** What Vast has charged for one contract over one span. */
export type ChargeRow = {
  readonly instanceId: number | null;
  readonly label: string | null;
  readonly fromMs: number;
  readonly toMs: number;
  readonly usd: {
    readonly gpu: number;
    readonly storage: number;
    readonly bandwidth: number;
    readonly total: number;
  };
};

/** What one contract has been charged so far, all its rows together. */
export type ContractBill = Pick<ChargeRow, 'instanceId' | 'label' | 'usd'>;

export type Account = {
  readonly accountId: string;
  /** Spendable dollars. Vast's `balance` is another figure and often 0. */
  readonly creditUsd: number;
};
