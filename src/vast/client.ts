import type { Instance } from '../domain/instance.ts';
import type { Account, ChargeRow, CreateResult, DestroyResult, ShowResult } from '../domain/market.ts';
import type { Offer } from '../domain/offer.ts';
import { type Invoice, toAccount, toChargeRow, toInvoice, toVolume, type Volume } from './books.ts';
import {
  type Caller,
  type CallFacts,
  type CallOptions,
  callUntilAnswered,
  readJson,
  unexpectedShape,
} from './calling.ts';
import { changeInstance, destroyMany, showInstance } from './changing.ts';
import { type CreateOptions, type CreateOrder, createInstance } from './creating.ts';
import { type ListOptions, readAllPages } from './listing.ts';
import { type LogQuery, readLogs } from './logs.ts';
import { OFFERS_PER_ANSWER, type OfferSearch, toOffer, toQuery } from './offers.ts';
import { createPacer, type Pacer } from './pacing.ts';
import { type KeyRights, toKeyId, toKeyRights } from './permissions.ts';
import { createTransport } from './transport.ts';
import { toInstance } from './wire.ts';

export type { Invoice, Volume } from './books.ts';
export type { CallFacts, CallOptions } from './calling.ts';
export type { CreateOptions, CreateOrder } from './creating.ts';
export type { ListOptions } from './listing.ts';
export type { LogQuery } from './logs.ts';
export { MarketError, OUR_CODES } from './market-error.ts';
export type { OfferSearch } from './offers.ts';
export { createPacer, type Pacer, VAST_CALLS, type VastCall } from './pacing.ts';
export type { KeyRights } from './permissions.ts';
export { isPlausiblePublicIp } from './public-ip.ts';

/** A span of time, epoch ms. */
export type Span = { readonly fromMs: number; readonly toMs: number };

/**
 * Which rows of the list; those that carry one of the labels, those of one of the ids. A label is matched as it is
 * shown, whole: the one in an instance's environment is no column of the list.
 */
export type InstanceFilter = {
  readonly labels?: readonly string[];
  readonly instanceIds?: readonly number[];
};

/**
 * Vast.ai's API in our units. Every call waits for its turn at the endpoint, ends by its deadline (two minutes
 * where none is given), and throws a `MarketError` when it cannot tell.
 */
export type VastClient = {
  /** Cheapest first. `isCut`: as many came back as ever do, so there may be more; unreadable rows are skipped. */
  searchOffers(query: OfferSearch, options?: CallOptions): Promise<{ offers: Offer[]; isCut: boolean }>;
  /** One PUT that is never repeated, but for a plain 429. Throws nothing but what `beforeSend` threw. */
  createInstance(offerId: number, order: CreateOrder, options?: CreateOptions): Promise<CreateResult>;
  /** All of them that pass the filter, of everybody who uses the account, or throws. */
  listInstances(filter?: InstanceFilter, options?: ListOptions): Promise<Instance[]>;
  showInstance(instanceId: number, options?: CallOptions): Promise<ShowResult<Instance>>;
  /** `accepted` promises nothing: see that it is gone. */
  destroyInstance(instanceId: number, options?: CallOptions): Promise<DestroyResult>;
  /** In requests of 64. The answer tells nothing about a single one: see that each is gone. */
  destroyInstances(instanceIds: readonly number[], options?: CallOptions): Promise<DestroyResult>;
  labelInstance(instanceId: number, label: string, options?: CallOptions): Promise<DestroyResult>;
  /** `refused` can mean queued: it may start, and bill, much later. Stop or destroy it. */
  startInstance(instanceId: number, options?: CallOptions): Promise<DestroyResult>;
  stopInstance(instanceId: number, options?: CallOptions): Promise<DestroyResult>;
  readLogs(instanceId: number, query: LogQuery, options?: CallOptions): Promise<string>;
  currentUser(options?: CallOptions): Promise<Account>;
  /** What the key in use may do, as far as the market says so. */
  readKeyRights(options?: CallOptions): Promise<KeyRights>;
  listCharges(span: Span, options?: CallOptions): Promise<ChargeRow[]>;
  listInvoices(span: Span, options?: CallOptions): Promise<Invoice[]>;
  listVolumes(options?: CallOptions): Promise<Volume[]>;
  /** Waits for what is under way. */
  close(): Promise<void>;
};

export type VastClientOptions = {
  readonly apiUrl: string;
  readonly apiKey: string;
  /** To share one among clients of the same key. */
  readonly pacer?: Pacer;
  /** Multiplies the waits between calls; 0 turns them off. For simulated markets. */
  readonly rateScale?: number;
  /** Of one request; a create that took longer is `unknown`. */
  readonly timeoutMs?: number;
  /** Told of every request, with nothing secret. */
  readonly onCall?: (facts: CallFacts) => void;
  readonly userAgent?: string;
};

export function createVastClient(options: VastClientOptions): VastClient {
  const { apiUrl, apiKey, rateScale = 1, timeoutMs = 30_000, userAgent = 'leash' } = options;
  // Said without the value: a key with a line break would otherwise be quoted by the HTTP library.
  if (!/^[\x21-\x7e]+$/.test(apiKey))
    throw new TypeError('The Vast.ai key is empty or has characters no key has');
  const transport = createTransport({ apiUrl, apiKey, timeoutMs, userAgent });
  const pacer = options.pacer ?? createPacer({ rateScale });
  const caller: Caller = { transport, pacer, onCall: options.onCall ?? (() => {}) };
  const change = (
    call: 'destroy' | 'label' | 'start' | 'stop',
    instanceId: number,
    body: Readonly<Record<string, string>>,
    options: CallOptions | undefined,
  ) => changeInstance(caller, call, instanceId, body, options);

  return {
    searchOffers: (query, call) => searchOffers(caller, query, call),
    createInstance: (offerId, order, call) => createInstance(caller, offerId, order, call),
    listInstances: (filter, call) => listInstances(caller, filter, call, { apiUrl }),
    showInstance: (instanceId, call) => showInstance(caller, instanceId, call, { apiUrl }),
    destroyInstance: (instanceId, call) => change('destroy', instanceId, {}, call),
    destroyInstances: (instanceIds, call) => destroyMany(caller, instanceIds, call),
    labelInstance: (instanceId, label, call) => change('label', instanceId, { label }, call),
    startInstance: (instanceId, call) => change('start', instanceId, { state: 'running' }, call),
    stopInstance: (instanceId, call) => change('stop', instanceId, { state: 'stopped' }, call),
    readLogs: (instanceId, query, call) => readLogs(caller, instanceId, query, call, { apiUrl }),
    currentUser: (call) => currentUser(caller, call),
    readKeyRights: (call) => readKeyRights(caller, call),
    listCharges: (span, call) => listCharges(caller, span, call),
    listInvoices: (span, call) => listInvoices(caller, span, call),
    listVolumes: (call) => listVolumes(caller, call),
    close: () => transport.close(),
  };
}

function searchOffers(
  caller: Caller,
  query: OfferSearch,
  options: CallOptions | undefined,
): Promise<{ offers: Offer[]; isCut: boolean }> {
  const tried = 'search offers';
  return callUntilAnswered(
    caller,
    'search',
    { method: 'POST', path: '/api/v0/bundles/', body: toQuery(query), tried },
    options,
    (answer) => {
      const rows = rowsOf(readJson(answer, tried), 'offers', tried);
      const nowMs = Date.now();
      const offers = rows.map((row) => toOffer(row, { nowMs })).filter((offer) => offer !== null);
      return { offers, isCut: rows.length >= OFFERS_PER_ANSWER };
    },
  );
}

/** Rows are matched here once more: a filter that was not applied must not show strangers as ours. */
async function listInstances(
  caller: Caller,
  { labels, instanceIds }: InstanceFilter = {},
  options: ListOptions | undefined,
  { apiUrl }: { apiUrl: string },
): Promise<Instance[]> {
  const filters = {
    ...(labels && { label: { in: labels } }),
    ...(instanceIds && { id: { in: instanceIds } }),
  };
  const instances = await readAllPages(
    caller,
    {
      call: 'list',
      path: '/api/v1/instances/',
      query: {
        select_filters: JSON.stringify(filters),
        order_by: JSON.stringify([{ col: 'id', dir: 'asc' }]),
        limit: '25',
      },
      rowsKey: 'instances',
      tried: 'list instances',
      toRow: (row) => toInstance(row, { apiUrl }),
      identityOf: (instance) => instance.instanceId,
    },
    options,
  );
  return instances.filter(
    ({ label, instanceId }) =>
      (labels === undefined || (label !== null && labels.includes(label))) &&
      (instanceIds === undefined || instanceIds.includes(instanceId)),
  );
}

function currentUser(caller: Caller, options: CallOptions | undefined): Promise<Account> {
  const tried = 'read the account';
  return callUntilAnswered(
    caller,
    'user',
    { method: 'GET', path: '/api/v0/users/current', tried },
    options,
    (answer) => {
      const account = toAccount(readJson(answer, tried));
      if (account === null) throw unexpectedShape(tried, 'no id or no credit');
      return account;
    },
  );
}

/** The account's answer names the key that asked, and the list of keys has its rights. */
async function readKeyRights(caller: Caller, options: CallOptions | undefined): Promise<KeyRights> {
  const read = (call: 'user' | 'keys', path: string) => {
    const tried = 'read what the key may do';
    return callUntilAnswered(caller, call, { method: 'GET', path, tried }, options, (answer) =>
      readJson(answer, tried),
    );
  };
  const keyId = toKeyId(await read('user', '/api/v0/users/current'));
  if (keyId === null) return { kind: 'unstated', why: 'the account does not name the key in use' };
  return toKeyRights(await read('keys', '/api/v0/auth/apikeys/'), keyId);
}

function listCharges(caller: Caller, span: Span, options: CallOptions | undefined): Promise<ChargeRow[]> {
  const query = {
    select_filters: JSON.stringify({ day: toSeconds(span) }),
    format: 'table',
    latest_first: 'false',
    limit: '100',
  };
  const listing = {
    call: 'charges',
    path: '/api/v0/charges/',
    query,
    rowsKey: 'results',
    tried: 'list charges',
  } as const;
  return readAllPages(caller, { ...listing, toRow: toChargeRow }, options);
}

function listInvoices(caller: Caller, span: Span, options: CallOptions | undefined): Promise<Invoice[]> {
  const query = {
    select_filters: JSON.stringify({ when: toSeconds(span) }),
    latest_first: 'false',
    limit: '100',
  };
  const listing = {
    call: 'invoices',
    path: '/api/v1/invoices/',
    query,
    rowsKey: 'results',
    tried: 'list invoices',
  } as const;
  return readAllPages(caller, { ...listing, toRow: toInvoice }, options);
}

function listVolumes(caller: Caller, options: CallOptions | undefined): Promise<Volume[]> {
  const query = { owner: 'me', type: 'all_volume' };
  const listing = {
    call: 'volumes',
    path: '/api/v0/volumes',
    query,
    rowsKey: 'volumes',
    tried: 'list volumes',
  } as const;
  return readAllPages(
    caller,
    { ...listing, toRow: toVolume, identityOf: (volume) => volume.volumeId },
    options,
  );
}

function toSeconds({ fromMs, toMs }: Span): { gte: number; lte: number } {
  return { gte: Math.floor(fromMs / 1_000), lte: Math.ceil(toMs / 1_000) };
}

function rowsOf(json: unknown, key: string, tried: string): unknown[] {
  const rows: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, key) : undefined;
  if (!Array.isArray(rows)) throw unexpectedShape(tried, `${key} is no list`);
  return rows;
}
