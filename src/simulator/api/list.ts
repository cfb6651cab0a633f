import type { Contract } from '../contract.ts';
import { isAbout } from '../faults.ts';
import { compareValues, meets, parseFilters, QueryError, selectColumns } from '../query.ts';
import { seededRandom } from '../random.ts';
import { instanceRow, type Row } from '../rows.ts';
import type { World } from '../world.ts';
import { type Answer, changeOf, type Exchange, jsonParameter, ok, type Route, refusal } from './exchange.ts';

export const listRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/instances',
    call: 'list',
    limit: 'list',
    scope: 'api.instances.index',
    handle: list,
  },
  {
    method: 'GET',
    path: '/api/v0/instances',
    call: null,
    limit: null,
    scope: 'api.instances.index',
    handle: () =>
      refusal(
        410,
        'deprecated_endpoint',
        '/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead.',
      ),
  },
  {
    method: 'GET',
    path: '/api/v0/instances/filters',
    call: null,
    limit: null,
    scope: 'api.instances.index',
    handle: ({ world, account }) =>
      ok({
        filters: world.contracts.visible(account.id, world.now()).map((contract) => {
          const { actual_status, verification, gpu_name } = rowOf(world, contract);
          return { actual_status, verification, gpu_name };
        }),
      }),
  },
  {
    method: 'GET',
    path: '/api/v0/instances/:id',
    call: 'show',
    limit: 'show',
    isForInstances: false,
    scope: 'api.instance.show',
    handle: show,
  },
];

/** One row by id: an object under the plural key; null for what is gone, not yet listed or another's. */
function show({ world, account, params }: Exchange): Answer {
  const contract = world.contracts
    .visible(account.id, world.now())
    .find((each) => each.id === Number(params.id));
  return ok({ instances: contract === undefined ? null : rowOf(world, contract) });
}

/** Pages of at most 25, on stored columns only. */
function list(exchange: Exchange): Answer {
  try {
    return page(exchange);
  } catch (error) {
    if (error instanceof QueryError) return refusal(400, error.code, error.message);
    if (error instanceof SyntaxError)
      return refusal(400, 'invalid_request', 'Invalid json in query parameter');
    throw error;
  }
}

function page(exchange: Exchange): Answer {
  const { world, query } = exchange;
  const order = orderOf(jsonParameter(query, 'order_by'));
  const matching = matchingContracts(exchange).sort((a, b) =>
    compareKeys(keysOf(a, order), keysOf(b, order), order),
  );
  const after = query.get('after_token') ? readToken(query.get('after_token') ?? '', order) : null;
  const rest =
    after === null
      ? matching
      : matching.filter(({ stored }) => compareKeys(keysOf({ stored }, order), after, order) > 0);
  const shown = rest.slice(0, limitOf(query.get('limit')));
  const last = shown.at(-1);
  const columns = jsonParameter(query, 'select_cols');
  return ok({
    success: true,
    instances_found: shown.length,
    total_instances: matching.length,
    label_counts: labelCounts(matching),
    next_token: last !== undefined && rest.length > shown.length ? makeToken(keysOf(last, order)) : null,
    instances: shown.map(({ contract }) =>
      selectColumns({ ...rowOf(world, contract), volume_info: [] }, columns),
    ),
  });
}

type Match = { readonly contract: Contract; readonly stored: Row };
type Order = readonly { readonly field: string; readonly isDescending: boolean }[];

function matchingContracts(exchange: Exchange): Match[] {
  const { world, account, query } = exchange;
  const given = jsonParameter(query, 'select_filters') ?? {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new QueryError('invalid_request', 'select_filters: Input should be a valid dictionary');
  }
  const filters = parseFilters(given as Record<string, unknown>, 'select_filters.');
  for (const { field } of filters) mustBeStored(field);
  const visible = world.contracts.visible(account.id, world.now());
  const omitted = omittedFrom(exchange, visible);
  return visible
    .filter((contract) => contract !== omitted)
    .map((contract) => ({ contract, stored: storedColumns(world, contract) }))
    .filter(({ stored }) => filters.every((filter) => meetsExactly(stored[filter.field], filter)));
}

/** Labels match exactly: no underscores for spaces here. */
function meetsExactly(actual: unknown, filter: Parameters<typeof meets>[1]): boolean {
  if (filter.field !== 'label') return meets(actual, filter);
  const { operator, value } = filter;
  if (operator === 'eq') return actual === value;
  if (operator === 'neq') return actual !== value;
  const isIn = Array.isArray(value) && value.includes(actual);
  return operator === 'notin' ? !isIn : isIn;
}

function omittedFrom(exchange: Exchange, visible: readonly Contract[]): Contract | null {
  const omission = changeOf(exchange, 'omitted-once');
  if (omission === null) return null;
  const { about } = omission;
  const candidates = visible.filter((contract) => about === undefined || isAbout(about, contract));
  if (candidates.length === 0) return null;
  return seededRandom(exchange.world.settings.seed, 'omitted', String(exchange.arrivedAt)).pick(candidates);
}

/** Columns of the contract's own table; everything computed cannot be filtered by. */
function storedColumns(world: World, contract: Contract): Row {
  const machine = world.market.getMachine(contract.machineId);
  return {
    id: contract.id,
    label: contract.label,
    actual_status: contract.actual,
    intended_status: contract.intended,
    cur_state: contract.current,
    next_state: contract.next,
    gpu_name: machine.gpu.name,
    verification: machine.isVerified ? 'verified' : 'unverified',
    machine_id: machine.id,
    host_id: machine.hostId,
    image_uuid: contract.order.image,
    start_date: contract.createdAt,
    end_date: contract.endDate,
    is_bid: contract.bid !== null,
    template_hash_id: contract.order.templateHash,
    geolocation: machine.region,
  };
}

const STORED = new Set([
  'id',
  'label',
  'actual_status',
  'intended_status',
  'cur_state',
  'next_state',
  'gpu_name',
  'verification',
  'machine_id',
  'host_id',
  'image_uuid',
  'start_date',
  'end_date',
  'is_bid',
  'template_hash_id',
  'geolocation',
]);

function mustBeStored(field: string): void {
  if (!STORED.has(field)) throw new QueryError('invalid_request', `${field} is not a valid search key`);
}

function orderOf(given: unknown): Order {
  const order = given === undefined || given === null ? [{ col: 'id', dir: 'asc' }] : given;
  if (!Array.isArray(order))
    throw new QueryError('invalid_request', 'order_by: Input should be a valid list');
  const fields = order.map((each: unknown) => {
    const { col, dir } = (typeof each === 'object' && each !== null ? each : {}) as {
      col?: unknown;
      dir?: unknown;
    };
    if (typeof col !== 'string') throw new QueryError('invalid_request', 'order_by: col is required');
    mustBeStored(col);
    return { field: col, isDescending: dir === 'desc' };
  });
  // By id at last, so that a page's end is one place in the list.
  return fields.some(({ field }) => field === 'id')
    ? fields
    : [...fields, { field: 'id', isDescending: false }];
}

function keysOf({ stored }: Pick<Match, 'stored'>, order: Order): unknown[] {
  return order.map(({ field }) => stored[field] ?? null);
}

function compareKeys(a: readonly unknown[], b: readonly unknown[], order: Order): number {
  for (const [index, { isDescending }] of order.entries()) {
    const difference = compareValues(a[index], b[index]);
    if (difference !== 0) return isDescending ? -difference : difference;
  }
  return 0;
}

function makeToken(keys: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(keys)).toString('base64url');
}

function readToken(token: string, order: Order): unknown[] {
  try {
    const keys: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(keys) && keys.length === order.length) return keys;
  } catch {
    // Answered below: not one of our tokens.
  }
  throw new QueryError('invalid_token', 'after_token is not valid');
}

function limitOf(text: string | null): number {
  if (text === null || text === '') return PAGE;
  const limit = Math.floor(Number(text));
  if (Number.isNaN(limit)) throw new QueryError('invalid_request', 'limit: Input should be a valid integer');
  return limit <= 0 ? 5 : Math.min(limit, PAGE);
}

const PAGE = 25;

function labelCounts(matching: readonly Match[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { contract } of matching) {
    const label = contract.label ?? '';
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

function rowOf(world: World, contract: Contract): Row {
  const now = world.now();
  world.cashier.settle(contract, now);
  return instanceRow(contract, { market: world.market, host: world.settings.host, now });
}
