import { cancellationSignal } from '@temporalio/activity';
import { classifyCreateRefusal } from '../domain/failure.ts';
import { parseLabel } from '../domain/label.ts';
import type { CreateResult } from '../domain/market.ts';
import type { GuardTerms } from '../vllm/guard-script.ts';
import { composeLaunch } from '../vllm/launch-script.ts';
import { noteAnsweredUpdate, spendGrantUpdate } from '../workflows/messages.ts';
import type { Deps } from './deps.ts';
import { hasLabel } from './instance-facts.ts';
import { whileBeating } from './watching.ts';

/** One create, fully described; what is secret is added here, where it stays. */
export type RentOrder = {
  readonly key: string;
  readonly attempt: number;
  readonly label: string;
  readonly offerId: number;
  readonly image: string;
  readonly diskGb: number;
  readonly servedName: string;
  readonly modelToLoad: string;
  readonly vllmArgs: readonly string[];
  /** Only for interruptible instances. */
  readonly bidUsdPerHour: number | null;
  /** What the offer must still satisfy when the order had to wait long for its turn. */
  readonly usdPerHour: number;
  /** Null: nothing but us ends the instance. */
  readonly guard: { readonly bootMs: number; readonly silenceMs: number } | null;
  /** Absent in what workflows of 0.1.0 order. */
  readonly tls?: boolean;
};

export type RentResult = CreateResult & { readonly sentAtMs: number };

/** Nothing is sent once this much of the activity's own time has passed. */
const SEND_DEADLINE_MS = 40_000;
/** It beats so that the death of its worker is known at once: it is not repeated, but settled by its label. */
const HEARTBEAT_MS = 3_000;

/**
 * Sends the one create of this label, and says what is known of it.
 *
 * 1. A label that is already on the books is adopted: a reset brings the workflow here twice.
 * 2. The grant is spent right before the PUT, once ever; found spent, whether a PUT went out is unknown.
 * 3. Anything but a plain answer is `unknown`; the workflow settles it by label before it rents elsewhere.
 */
export function rentInstance(deps: Deps, order: RentOrder): Promise<RentResult> {
  return whileBeating({ heartbeatMs: HEARTBEAT_MS, details: () => null }, () => lookThenRent(deps, order));
}

async function lookThenRent(deps: Deps, order: RentOrder): Promise<RentResult> {
  const deadlineMs = Date.now() + SEND_DEADLINE_MS;
  // One whose label was changed in the console may not be found among many; its grant was spent with its create.
  const { instances } = await deps.instances.find({ label: order.label }, Date.now());
  const adopted = instances.find((instance) => hasLabel(instance, order.label));
  if (adopted !== undefined) {
    return {
      kind: 'created',
      instanceId: adopted.instanceId,
      usdPerHour: adopted.usdPerHour,
      sentAtMs: Date.now(),
    };
  }
  const result = await sendCreate(deps, order, deadlineMs);
  const isStillOffered = result.kind === 'refused' && classifyCreateRefusal(result).kind !== 'offer-gone';
  if (!isStillOffered) deps.offers.noteGone(order.offerId);
  if (result.kind === 'refused') await freeMachine(deps, order);
  return { ...result, sentAtMs: Date.now() };
}

async function sendCreate(deps: Deps, order: RentOrder, deadlineMs: number): Promise<CreateResult> {
  const launch = composeLaunch({
    servedName: order.servedName,
    modelToLoad: order.modelToLoad,
    vllmArgs: order.vllmArgs,
    apiKey: deps.installation.instanceKey(order.label),
    label: order.label,
    ...(deps.secrets.hfToken === undefined ? {} : { hfToken: deps.secrets.hfToken }),
    ...guardTerms(deps, order),
    ...(order.tls === true ? { tls: await deps.authority.issue(order.label) } : {}),
  });
  try {
    return await deps.vast.createInstance(
      order.offerId,
      {
        image: order.image,
        diskGb: order.diskGb,
        label: order.label,
        environment: launch.environment,
        ports: [8000],
        onstart: launch.onstart,
        ...(order.bidUsdPerHour === null ? {} : { priceUsdPerHour: order.bidUsdPerHour }),
        ...(deps.secrets.imageLogin === undefined ? {} : { imageLogin: deps.secrets.imageLogin }),
      },
      { deadlineMs, signal: cancellationSignal(), beforeSend: () => spendGrant(deps, order) },
    );
  } catch (error) {
    if (error instanceof GrantNotOurs) return error.result;
    throw error;
  }
}

/** What the label's expiry leaves from now on is the longest that an instance may live, whoever renews its lease. */
function guardTerms({ marketUrl }: Deps, { guard, label }: RentOrder): { guard?: GuardTerms } {
  const expiresAtSec = parseLabel(label)?.expiresAtSec;
  if (guard === null || guard === undefined || expiresAtSec === undefined) return {};
  return { guard: { ...guard, apiUrl: marketUrl, lifeMs: expiresAtSec * 1_000 - Date.now() } };
}

/** Why nothing may be sent; carried out of the client as an error because that is how it is told to stop. */
class GrantNotOurs extends Error {
  readonly result: CreateResult;
  constructor(result: CreateResult) {
    super('the grant of this attempt may not be spent');
    this.result = result;
  }
}

async function spendGrant(deps: Deps, order: RentOrder): Promise<void> {
  const { kind } = await deps.ledger.call(spendGrantUpdate, { key: order.key, attempt: order.attempt });
  if (kind === 'spent-now') return;
  throw new GrantNotOurs(
    kind === 'spent-before'
      ? {
          kind: 'unknown',
          message: 'The create of this label may have been sent before; it is looked up by its label.',
        }
      : { kind: 'refused', code: 'no-grant', message: 'The ledger holds no grant for this attempt.' },
  );
}

/** Best effort: a machine that stays held is free again when the reservation closes. */
async function freeMachine(deps: Deps, order: RentOrder): Promise<void> {
  await deps.ledger
    .call(noteAnsweredUpdate, { key: order.key, attempt: order.attempt, usdPerHour: null })
    .catch(() => undefined);
}
