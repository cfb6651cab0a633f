import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { InstanceFacts } from '../domain/attempt.ts';
import type { ContractCharges } from '../domain/auditing.ts';
import type { Instance } from '../domain/instance.ts';
import { type Label, parseLabel } from '../domain/label.ts';
import { addUsd } from '../domain/meter.ts';
import { labelOfOwner } from '../domain/reaping.ts';
import type { Usd } from '../domain/session.ts';
import type { Deps } from './deps.ts';
import { factsOf, hasLabel } from './instance-facts.ts';

/**
 * What was charged for before this worker started: the memory of a Temporal that was put back to an earlier moment.
 *
 * 1. No money is promised before the ledger was held against it.
 * 2. No attempt is made whose number it shows as used: its label was sent, and what it cost was spent.
 */
export class PastBooks {
  readonly #charges = Promise.withResolvers<readonly ContractCharges[]>();

  /** Read, and the ledger brought up to it. */
  noteRead(charges: readonly ContractCharges[]): void {
    this.#charges.resolve(charges);
  }

  /** Waits a while for them; what it throws is repeated by the retry policy of whoever asks. */
  charges(): Promise<readonly ContractCharges[]> {
    const tooLate = pause(PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw notRead();
    });
    return Promise.race([this.#charges.promise, tooLate]);
  }
}

/** Shorter than the time of those who ask. */
const PATIENCE_MS = 15_000;

function notRead(): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'charges-not-read',
    message:
      "The provider's charges, which tell what was spent before this worker started, could not be read yet.",
  });
}

/** A list that others asked for lately will do: what was forgotten is older. */
const LIST_AGE_MS = 20_000;

/** An attempt that was made although its session does not know it: what is left of it, and what it cost. */
export type MadeBefore = {
  readonly kind: 'made-before';
  /** The label it was made under: its expiry is another than that of now. */
  readonly label: string;
  readonly alive: readonly InstanceFacts[];
  /** Null where no row of it was there yet when this worker started. */
  readonly charged: {
    readonly instanceIds: readonly number[];
    readonly fromMs: number;
    readonly usd: Usd;
  } | null;
};

export type Forgotten = MadeBefore | { readonly kind: 'ended-before' };

export type AttemptInQuestion = {
  /** Of its session: `owner:session:run`. */
  readonly key: string;
  readonly attempt: number;
  readonly label: string;
};

/**
 * What a session does not know of an attempt it is about to make; null when it is the first to make it.
 *
 * An instance under this very label is no surprise: whoever sends its create finds and adopts it.
 */
export async function findForgotten(deps: Deps, asked: AttemptInQuestion): Promise<Forgotten | null> {
  if (await hasEndedBefore(deps, asked.key)) return { kind: 'ended-before' };
  const charges = await deps.past.charges();
  const { instances, askedAtMs } = await deps.instances.recent(LIST_AGE_MS);
  const wanted = parseLabel(asked.label);
  const isIt = (label: Label | null | undefined) => isSameAttempt(label, wanted);
  const labelOf = (instance: Instance) => labelOfOwner(instance, deps.installation.owner);
  const alive = instances.filter((instance) => isIt(labelOf(instance)?.parsed));
  if (alive.some((instance) => hasLabel(instance, asked.label))) return null;
  const charged = charges.filter(({ label }) => isIt(parseLabel(label)));
  const [label] = [...alive.map((instance) => labelOf(instance)?.text), ...charged.map((row) => row.label)];
  if (label === undefined) return null;
  return {
    kind: 'made-before',
    label,
    alive: alive.map((instance) => factsOf(instance, askedAtMs)),
    charged: charged.length === 0 ? null : chargedFor(charged),
  };
}

function chargedFor(rows: readonly ContractCharges[]): MadeBefore['charged'] {
  return {
    instanceIds: rows.flatMap(({ instanceId }) => (instanceId === null ? [] : [instanceId])),
    fromMs: Math.min(...rows.map(({ fromMs }) => fromMs)),
    usd: addUsd(rows.map(({ usd }) => usd)),
  };
}

/**
 * By its receipt, which only its end writes. One that was refused ended too, but never began: it may be taken on yet.
 * An archive that cannot be read knows of no end.
 */
export async function hasEndedBefore(deps: Deps, key: string): Promise<boolean> {
  const [, session = '', run = ''] = key.split(':');
  try {
    const receipt = await deps.archive.findReceipt({ session, run });
    return receipt !== null && receipt.attempts.length > 0;
  } catch (error) {
    if (error instanceof Error && error.name === 'ArchiveError') return false;
    throw error;
  }
}

function isSameAttempt(label: Label | null | undefined, wanted: Label | null): boolean {
  if (!label || !wanted) return false;
  const { owner, session, run, attempt } = wanted;
  return label.owner === owner && label.session === session && label.run === run && label.attempt === attempt;
}
