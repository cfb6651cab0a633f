import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Exchange, Route } from './api/exchange.ts';
import { refusal } from './api/exchange.ts';
import type { Contract } from './contract.ts';
import type { Call, CallFault } from './fault-kinds.ts';
import type { Applied, CallFaults, Subject } from './faults.ts';
import { QueryError } from './query.ts';
import { type Random, seededRandom } from './random.ts';
import type { World } from './world.ts';

/** What goes back over the wire. `lost`: the connection is closed without an answer. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'text'; readonly status: number; readonly type: string; readonly text: string }
  | { readonly kind: 'lost' };

export type Processed = {
  readonly outcome: Outcome;
  readonly fault: string | null;
  readonly created: Contract | null;
};

/**
 * Processes one call with the faults that apply to it.
 *
 * A refusal answers instead of the service. Everything else is processed exactly once, whatever
 * becomes of the answer: that is what a client cannot see.
 */
export async function processCall(
  route: Route,
  exchange: Exchange,
  call: Call | null,
  isAbandoned: () => boolean,
): Promise<Processed> {
  const { world } = exchange;
  if (call === null) return { outcome: answered(handle(route, exchange)), fault: null, created: null };
  const wasFired = await world.triggers.fire(call, 'before');
  // The caller died before the call was processed: as if it had never been sent.
  if (wasFired && isAbandoned()) return { outcome: { kind: 'lost' }, fault: 'trigger', created: null };
  const faults = world.faults.ofCall(call, subjectOf(call, exchange));
  const random = seededRandom(world.settings.seed, 'fault', call, String(exchange.arrivedAt));
  if (call === 'destroy' && faults.refusal?.fault !== 'reply-lost-before') noteDestroys(exchange);
  if (faults.refusal !== null) {
    const { fault } = faults.refusal;
    // A gateway that gave up waiting does not mean that nothing was done behind it.
    const status = fault === 'server-error' ? random.pick([500, 502, 503, 504]) : 0;
    const created = status === 504 ? (handle(route, exchange).created ?? null) : null;
    if (created !== null) created.reply = 'lost';
    return { outcome: refuse(fault, status, exchange, random), fault, created };
  }
  return processWith(faults, route, exchange, call);
}

async function processWith(
  faults: CallFaults,
  route: Route,
  exchange: Exchange,
  call: Call,
): Promise<Processed> {
  const { spoiled, changes } = faults;
  const waitMs = (spoiled?.seconds ?? SLOW_SECONDS) * 1000;
  if (spoiled?.fault === 'late') await delay(waitMs);
  const answer = handle(route, { ...exchange, changes });
  await exchange.world.triggers.fire(call, 'after');
  if (spoiled?.fault === 'slow-reply') await delay(waitMs);
  const names = [...changes.map(({ fault }) => fault), ...(spoiled === null ? [] : [spoiled.fault])];
  const created = answer.created ?? null;
  if (created !== null) created.reply = replyUnder(spoiled);
  return { outcome: spoil(answer, spoiled), fault: names.length > 0 ? names.join(',') : null, created };
}

const SLOW_SECONDS = 30;

function replyUnder(spoiled: Applied<CallFault> | null): Contract['reply'] {
  if (spoiled === null) return 'sent';
  return spoiled.fault === 'slow-reply' || spoiled.fault === 'late' ? 'slow' : 'lost';
}

function spoil(answer: Answer, spoiled: Applied<CallFault> | null): Outcome {
  if (spoiled?.fault === 'reply-lost-after') return { kind: 'lost' };
  if (spoiled?.fault === 'not-json') {
    return {
      kind: 'text',
      status: 200,
      type: 'text/html',
      text: '<html><body><h1>Please wait…</h1></body></html>',
    };
  }
  return answered(answer);
}

/** A handler's answer; a malformed filter anywhere is the caller's mistake. */
function handle(route: Route, exchange: Exchange): Answer {
  try {
    return route.handle(exchange);
  } catch (error) {
    if (error instanceof QueryError) return refusal(400, error.code, error.message);
    if (error instanceof SyntaxError)
      return refusal(400, 'invalid_request', 'Invalid json in query parameter');
    throw error;
  }
}

function answered(answer: Answer): Outcome {
  return { kind: 'answer', answer };
}

function refuse(fault: CallFault, status: number, exchange: Exchange, random: Random): Outcome {
  switch (fault) {
    case 'reply-lost-before':
      return { kind: 'lost' };
    case 'too-many':
      return plain(429, 'API requests too frequent');
    case 'server-error':
      if (status === 500) return answered(refusal(500, 'server_error', 'Something went wrong on the server'));
      return {
        kind: 'text',
        status,
        type: 'text/html',
        text: `<html><body><h1>${status}</h1></body></html>`,
      };
    case 'page-fails':
      return answered(refusal(500, 'server_error', 'Something went wrong on the server'));
    case 'auth-error':
      return answered(refusal(404, 'auth_error', 'Invalid user key'));
    case 'offer-gone':
      return answered(offerGone(exchange, random));
    case 'no-credit':
      return answered(
        refusal(
          random.pick([400, 200]),
          'insufficient_credit',
          'Your account lacks credit; see the billing page.',
        ),
      );
    case 'spend-rate':
      return answered(
        refusal(400, 'spend_rate_limit', 'Your account is spending too fast; see the billing page.'),
      );
    case 'destroy-refused':
      return answered(
        refusal(200, 'destroy_failed', 'The instance could not be destroyed, please try again.'),
      );
    default:
      return answered(refusal(429, 'search_quota_exceeded', 'Daily search quota exceeded.'));
  }
}

/** Somebody else was quicker: the offer is gone for everybody, in one of the forms seen in production. */
function offerGone({ world, params, arrivedAt }: Exchange, random: Random): Answer {
  const offerId = Number(params.id);
  const found = world.market.find(offerId);
  if (found !== null && world.market.isFree(found.slice)) {
    world.market.withdraw(found.slice, arrivedAt + 1800 / world.settings.timeScale);
  }
  const [status, error] = random.pick([
    [404, 'invalid_args'],
    [410, 'no_such_ask'],
    [400, 'no_such_ask'],
  ] as const);
  return refusal(
    status,
    error,
    `error ${status}/3603: no_such_ask Instance type by id ${offerId} is not available.`,
  );
}

function plain(status: number, text: string): Outcome {
  return { kind: 'text', status, type: 'text/plain', text };
}

/** A DELETE has arrived for these, whatever is answered. */
function noteDestroys(exchange: Exchange): void {
  for (const contract of namedContracts(exchange)) contract.destroyRequestedAt ??= exchange.arrivedAt;
}

function subjectOf(call: Call, exchange: Exchange): Subject {
  return {
    isLaterPage: exchange.query.has('after_token'),
    instances: () => {
      if (call === 'create') return [orderedInstance(exchange)];
      const { world, account } = exchange;
      if (call === 'list')
        return world.contracts.visible(account.id, world.now()).filter(isListedBy(exchange));
      return namedContracts(exchange);
    },
  };
}

function orderedInstance({ world, params, body }: Exchange) {
  const found = world.market.find(Number(params.id));
  return { label: typeof body.label === 'string' ? body.label : null, machineId: found?.machine.id ?? 0 };
}

/** By the label that the list is filtered by, where it is. */
function isListedBy({ query }: Exchange): (contract: Contract) => boolean {
  const filters = query.get('select_filters') ?? '';
  if (!filters.includes('"label"')) return () => true;
  return ({ label }) => filters.includes(JSON.stringify(label));
}

function namedContracts({ world, account, params, body }: Exchange): Contract[] {
  const ids: unknown[] = [params.id, ...[body.instance_ids, body.ids, body.IDs].flatMap(asList)];
  return ids
    .map((id) => world.contracts.find(Number(id)))
    .filter((contract) => contract !== null && contract.accountId === account.id) as Contract[];
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The header that comes with a used-up quota: when it is renewed. */
export function quotaReset(world: World): string {
  return String(Math.ceil(world.now() / 86_400) * 86_400);
}
