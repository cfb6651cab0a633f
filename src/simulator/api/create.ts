import { randomBytes } from 'node:crypto';
import { copyOf, openMeter } from '../books.ts';
import { OVERCHARGE } from '../boot-trouble.ts';
import type { Contract, ContractOrder } from '../contract.ts';
import type { MachineFault } from '../fault-kinds.ts';
import type { Applied } from '../faults.ts';
import type { Machine } from '../machine.ts';
import type { Slice } from '../market.ts';
import { QueryError } from '../query.ts';
import { seededRandom } from '../random.ts';
import { orderOf } from '../serverless/templates.ts';
import { type Answer, changeOf, type Exchange, type Route, refusal, success } from './exchange.ts';
import { type OrderProblem, parseOrder } from './order.ts';
import { searchOffers } from './search.ts';

export const createRoutes: readonly Route[] = [
  {
    method: 'PUT',
    path: '/api/v0/asks/:id',
    call: 'create',
    limit: 'create',
    scope: 'api.asks.create',
    handle: (exchange) => rentOffer(exchange, Number(exchange.params.id)),
  },
  {
    method: 'POST',
    path: '/api/v0/asks/bulk',
    call: 'create',
    limit: 'create',
    scope: 'api.asks.create',
    handle: rentMany,
  },
  {
    method: 'PUT',
    path: '/api/v0/launch_instance',
    call: 'create',
    limit: 'launch',
    scope: 'api.asks.create',
    handle: launch,
  },
];

/** What renting needs to know of a call, or of the engine that rents for an endpoint. */
export type RentOrder = Pick<Exchange, 'world' | 'account' | 'body' | 'arrivedAt' | 'changes'>;

/** Rents one offer: a contract exists, and bills, from here on. */
export function rentOffer(exchange: RentOrder, offerId: number): Answer {
  const { world, account } = exchange;
  const body = withTemplate(exchange);
  const order = parseOrder(body);
  if ('error' in order) return refused(order);
  if (world.cashier.creditUsd(account, world.now()) <= 0) return lacksCredit();
  const found = world.market.find(offerId);
  if (found === null || !world.market.isFree(found.slice))
    return unavailable(world.market.wasOffered(offerId), offerId, body);
  const { slice, machine } = found;
  if (order.diskGb > machine.diskGb) {
    return refusal(
      400,
      'invalid_args',
      `error 400/3631: invalid_args disk ${order.diskGb} exceeds ${machine.diskGb} GB`,
    );
  }
  const minBid = world.market.minBid(slice);
  if (order.bid !== null && order.bid < minBid) return bidTooLow(minBid);
  const isRefused = changeOf(exchange, 'refused-with-contract') !== null;
  const contract = openContract(exchange, order, slice, machine, isRefused);
  if (isRefused) return { ...bidTooLow(minBid, { new_contract: contract.id }), created: contract };
  return {
    ...success({ new_contract: contract.id, instance_api_key: contract.key, ask_id: offerId }),
    created: contract,
  };
}

/** What the call leaves out is the template's, where it names one of the account's. */
function withTemplate({ world, account, body }: RentOrder): RentOrder['body'] {
  const { template_hash_id: hash, template_id: id } = body;
  const template = hash || id ? world.serverless.templates.find(account.id, { hash, id }) : null;
  if (template === null) return body;
  const said = Object.entries(body).filter(([, value]) => value !== null && !isEmptyObject(value));
  return { ...orderOf(template), ...Object.fromEntries(said) };
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function openContract(
  exchange: RentOrder,
  order: ContractOrder,
  slice: Slice,
  machine: Machine,
  isRefused: boolean,
): Contract {
  const { world, account } = exchange;
  const now = world.now();
  const id = world.contracts.newId();
  const { label } = order;
  const faults = world.faults.ofInstance({ id, machineId: machine.id, label, isBid: order.bid !== null });
  const intended = isRefused ? 'stopped' : order.target;
  const meter = openMeter(now);
  const contract: Contract = {
    id,
    accountId: account.id,
    key: randomBytes(32).toString('hex'),
    machineId: machine.id,
    sliceKey: slice.key,
    offerId: slice.offerId,
    gpuCount: slice.gpuCount,
    order,
    endDate: world.market.endDate(machine),
    isServed: true,
    requestedAt: exchange.arrivedAt,
    createdAt: now,
    label,
    gpuUsdPerHour: priceOf(order, slice, faults),
    bid: order.bid,
    listedAt: listedAt(exchange, id, now),
    reply: 'sent',
    intended,
    current: intended,
    next: intended,
    actual: intended === 'stopped' ? 'stopped' : null,
    statusMessage: null,
    isStartQueued: false,
    hasImage: false,
    runningAt: null,
    startedAt: null,
    ports: [],
    faults,
    pending: [],
    run: 0,
    destroyRequestedAt: null,
    destroyAcceptedAt: null,
    destroyedAt: null,
    destroyedBy: null,
    billedUntil: null,
    meter,
    posted: copyOf(meter),
  };
  world.contracts.add(contract);
  if (intended === 'running') world.market.take(slice, id);
  world.life.begin(contract);
  world.changed();
  return contract;
}

function priceOf(order: ContractOrder, slice: Slice, faults: readonly Applied<MachineFault>[]): number {
  const price = order.bid ?? slice.usdPerGpuHour * slice.gpuCount;
  const isOvercharged = faults.some(({ fault, seconds }) => fault === 'overcharged' && seconds === null);
  return isOvercharged ? price * OVERCHARGE : price;
}

/** Lists and reads lag behind a create by a moment, by far longer, or for ever. */
function listedAt(exchange: RentOrder, id: number, now: number): number | null {
  const { seed, timeScale } = exchange.world.settings;
  if (changeOf(exchange, 'never-listed') !== null) return null;
  const late = changeOf(exchange, 'listed-late');
  if (late !== null) return now + (late.seconds ?? LISTED_LATE_SECONDS);
  return now + seededRandom(seed, 'listing', id).between(0.3, 3) / timeScale;
}

const LISTED_LATE_SECONDS = 20;

function rentMany(exchange: Exchange): Answer {
  const { ids } = exchange.body;
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > 64) {
    return refusal(
      400,
      'invalid_args',
      'error 400/3590: invalid_args ids: a list of 1 to 64 offers is required',
    );
  }
  const results = ids.map((id: unknown) => ({
    ask_id: Number(id),
    ...(rentOffer(exchange, Number(id)).body as object),
  }));
  const contracts = results.flatMap((result) => ('new_contract' in result ? [result.new_contract] : []));
  return success({ success: contracts.length > 0, results, new_contracts: contracts });
}

/** Searches and rents in one call: the first offer that will have us. */
function launch(exchange: Exchange): Answer {
  const { world, body } = exchange;
  const q = body.q as Record<string, unknown> | undefined;
  try {
    const storage = Number(body.disk ?? 8);
    const [offer] = searchOffers(world, { allocated_storage: storage, rented: { eq: false }, ...q });
    if (offer === undefined)
      return refusal(404, 'invalid_args', 'error 404/3702: invalid_args no matching offer found');
    return rentOffer(exchange, Number(offer.id));
  } catch (error) {
    if (error instanceof QueryError) return refusal(400, error.code, error.message);
    throw error;
  }
}

function refused({ status, error, message }: OrderProblem): Answer {
  return refusal(status, error, message);
}

function unavailable(wasOffered: boolean, offerId: number, body: Readonly<Record<string, unknown>>): Answer {
  if (wasOffered && body.cancel_unavail === true) {
    return refusal(
      410,
      'no_such_ask',
      `error 410/3612: no_such_ask Instance type by id ${offerId} is no longer available.`,
    );
  }
  return refusal(
    404,
    'invalid_args',
    `error 404/3603: no_such_ask Instance type by id ${offerId} is not available.`,
  );
}

function lacksCredit(): Answer {
  return refusal(400, 'insufficient_credit', 'Your account lacks credit; see the billing page.');
}

function bidTooLow(minBid: number, more: Record<string, unknown> = {}): Answer {
  return refusal(
    400,
    'invalid_price',
    `error 400/3640: invalid_price bid is below the going price of ${minBid}`,
    more,
  );
}
