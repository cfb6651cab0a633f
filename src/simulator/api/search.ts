import { type Filter, meets, parseFilters, QueryError, selectColumns, sortRows } from '../query.ts';
import { seededRandom } from '../random.ts';
import { driverNumber, offerRow, type Row } from '../rows.ts';
import type { World } from '../world.ts';
import { type Answer, type Exchange, ok, type Route, refusal } from './exchange.ts';

export const searchRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/api/v0/bundles',
    call: 'search',
    limit: 'search',
    scope: 'api.bundles.search',
    handle: (exchange) => answer(exchange, exchange.body, exchange.body.select_cols),
  },
  {
    method: 'GET',
    path: '/api/v0/bundles',
    call: 'search',
    limit: 'search',
    scope: 'api.bundles.search',
    handle: (exchange) => {
      const query = parseQuery(exchange.query.get('q') ?? '{}');
      return query === null ? invalidJson() : answer(exchange, query, query.select_cols);
    },
  },
  {
    method: 'PUT',
    path: '/api/v0/search/asks',
    call: 'search',
    limit: 'search',
    scope: 'api.asks.search',
    handle: (exchange) => {
      const { q } = exchange.body;
      if (!isObject(q))
        return refusal(
          400,
          'bad_request',
          'error 400/1312: bad_request q: Input should be a valid dictionary',
        );
      return answer(exchange, q, exchange.body.select_cols);
    },
  },
];

/** The offers that a query object finds, best first. Throws `QueryError` for what cannot be searched. */
export function searchOffers(world: World, query: Readonly<Record<string, unknown>>): Row[] {
  const storageGb = storageOf(query);
  const filters = parseFilters(filtersOf(query), 'q.').map(toColumn);
  const view = {
    market: world.market,
    host: world.settings.host,
    now: world.now(),
    isBid: query.type === 'bid' || query.type === 'interruptible',
    storageGb,
  };
  const rows: Row[] = [];
  for (const { slice, machine } of world.market.shown()) {
    const row = offerRow(slice, machine, view);
    if (machine.diskGb >= storageGb && filters.every((filter) => meetsFilter(row, machine.country, filter)))
      rows.push(row);
  }
  const sorted = sortRows(rows, orderOf(query.order));
  return sorted.slice(0, limitOf(query.limit));
}

function answer(exchange: Exchange, query: Readonly<Record<string, unknown>>, columns: unknown): Answer {
  const { world } = exchange;
  try {
    const offers = searchOffers(world, query).filter((row) => !isLeftOut(exchange, row));
    return ok({ offers: offers.map((row) => selectColumns(row, columns)) });
  } catch (error) {
    if (error instanceof QueryError)
      return refusal(400, error.code, `error 400/1398: ${error.code} ${error.message}`);
    throw error;
  }
}

/** In a rough market two searches seconds apart overlap, but are not the same. */
function isLeftOut({ world, arrivedAt }: Exchange, row: Row): boolean {
  const { profile, seed } = world.settings;
  return (
    profile !== 'calm' && seededRandom(seed, 'left-out', Math.floor(arrivedAt), String(row.id)).chance(0.05)
  );
}

const CONTROL_KEYS: ReadonlySet<string> = new Set([
  'order',
  'type',
  'limit',
  'allocated_storage',
  'disable_bundling',
  'select_cols',
  'extra_ids',
  'template_id',
  'sort_option',
  'gpu_option',
  'show_incompatible',
  'resource_type',
  'client_id',
  'api_key',
]);

function filtersOf(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).filter(
      ([key, value]) => !CONTROL_KEYS.has(key) || (key === 'resource_type' && isObject(value)),
    ),
  );
}

/** Columns that have another name in the query than in the answer. */
const ALIASES: Readonly<Record<string, string>> = {
  verified: 'vericode',
  datacenter: 'hosting_type',
  reliability2: 'reliability',
  dphtotal: 'dph_total',
  gpu_totalram: 'gpu_total_ram',
  ubuntu_version: 'os_version',
  driver_version: 'driver_vers',
  dlperf_usd: 'dlperf_per_dphtotal',
  flops_usd: 'flops_per_dphtotal',
  cuda_vers: 'cuda_max_good',
  dph: 'dph_total',
};

function toColumn(filter: Filter): Filter {
  if (filter.field === 'target_reliability') return { ...filter, field: 'expected_reliability' };
  return { ...filter, field: ALIASES[filter.field] ?? filter.field };
}

function meetsFilter(row: Row, country: string, filter: Filter): boolean {
  // Production finds nothing by `id`; `ask_contract_id` is the one that works.
  if (filter.field === 'id') return false;
  if (filter.field === 'geolocation') return meets(country, filter);
  if (filter.field === 'vericode' || filter.field === 'hosting_type')
    return meets(row[filter.field] === 1, filter);
  if (filter.field === 'public_ipaddr') return meets(String(row.public_ipaddr).trim(), filter);
  if (filter.field === 'driver_vers' && typeof filter.value === 'string' && filter.value.includes('.')) {
    return meets(row.driver_vers, { ...filter, value: driverNumber(filter.value) });
  }
  return meets(row[filter.field], filter);
}

function storageOf({ allocated_storage }: Readonly<Record<string, unknown>>): number {
  const asked = isObject(allocated_storage) ? Object.values(allocated_storage)[0] : allocated_storage;
  const storage = Number(asked ?? SERVER_STORAGE_GB);
  if (Number.isNaN(storage))
    throw new QueryError('bad_request', 'q.allocated_storage: Input should be a valid number');
  return storage;
}

function orderOf(order: unknown): { field: string; isDescending: boolean }[] {
  if (order === undefined || order === null) return [{ field: 'score', isDescending: true }];
  if (!Array.isArray(order)) throw new QueryError('bad_request', 'q.order: Input should be a valid list');
  return order.map((pair: unknown) => {
    const [field, direction] = Array.isArray(pair) ? (pair as unknown[]) : [pair, 'asc'];
    if (typeof field !== 'string')
      throw new QueryError('bad_request', 'q.order: Input should be pairs of field and direction');
    return { field: ALIASES[field] ?? field, isDescending: direction === 'desc' };
  });
}

function limitOf(limit: unknown): number {
  const asked = Math.floor(Number(limit ?? MOST_OFFERS));
  return Number.isNaN(asked) || asked < 1 ? MOST_OFFERS : Math.min(asked, MOST_OFFERS);
}

const SERVER_STORAGE_GB = 8;
/** Never more in one answer, whatever the query says. */
const MOST_OFFERS = 64;

function parseQuery(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function invalidJson(): Answer {
  return refusal(400, 'invalid_request', 'error 400/1290: invalid_request Invalid json body');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
