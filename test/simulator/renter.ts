import { expect } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts';

/** Machines boot 3000 times faster than real ones and calls are not limited, unless a test is about that. */
export function aMarket(options: SimulatorOptions = {}): Promise<Simulator> {
  return startSimulator({ machines: 60, timeScale: 3000, rateScale: 0, chargesLagSeconds: 0, ...options });
}

type Answer = {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
  // Whatever the service says: tests look into it field by field.
  readonly json: Json;
};

/** JSON with the fields that tests read by name. */
// biome-ignore lint/suspicious/noExplicitAny: the answers of a foreign API, looked at by assertions alone
export type Json = any;

/** Speaks plain HTTP to a market, as any client might. */
export function aRenter(url: string, key: string | null) {
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, type: response.headers.get('content-type'), text, json: parse(text) };
  };
  const search = async (query: Record<string, unknown> = {}): Promise<Json[]> =>
    (await call('POST', '/api/v0/bundles/', { ...DEFAULT_FILTERS, ...query })).json.offers;
  const create = (offerId: number, order: Record<string, unknown> = {}) =>
    call('PUT', `/api/v0/asks/${offerId}/`, { ...AN_ORDER, ...order });
  const show = async (id: number): Promise<Json> =>
    (await call('GET', `/api/v0/instances/${id}/?owner=me`)).json.instances;
  const list = (parameters: Record<string, unknown> = {}) =>
    call('GET', `/api/v1/instances/?${new URLSearchParams(encoded(parameters))}`);
  return {
    call,
    search,
    create,
    show,
    list,
    /** Rents the cheapest offer; its instance id. */
    async rent(order: Record<string, unknown> = {}, query: Record<string, unknown> = {}): Promise<number> {
      const [offer] = await search({ order: [['dph_total', 'asc']], ...query });
      const { json } = await create(offer.id, order);
      if (!json?.new_contract) throw new Error(`not rented: ${JSON.stringify(json)}`);
      return json.new_contract;
    },
    destroy: (id: number) => call('DELETE', `/api/v0/instances/${id}/`, {}),
    until: (id: number, wanted: Record<string, unknown>) =>
      expect.poll(() => show(id), SOON).toMatchObject(wanted),
  };
}

export const SOON = { timeout: 15_000, interval: 20 };

export const DEFAULT_FILTERS = {
  verified: { eq: true },
  external: { eq: false },
  rentable: { eq: true },
  rented: { eq: false },
};

export const AN_ORDER = {
  client_id: 'me',
  image: 'vllm/vllm-openai:v0.16.0',
  disk: 20,
  env: { '-p 8000:8000': '1', MODEL: 'tiny' },
  onstart: 'vllm serve tiny --api-key secret --port 8000',
  runtype: 'ssh_proxy',
  target_state: 'running',
  cancel_unavail: true,
};

/** The provider's own record of a contract. */
export function recordOf(market: Simulator, id: number) {
  const record = market.contracts().find((contract) => contract.id === id);
  if (record === undefined) throw new Error(`there is no contract ${id}`);
  return record;
}

/** A control call under `/_sim/`. */
export async function control(
  market: Simulator,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  return aRenter(market.url, null).call(method, `/_sim/${path}`, body);
}

function encoded(parameters: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}

function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
