/** Least seconds between two calls of one endpoint by one identity, as the service's OpenAPI files give them. */
export const THRESHOLDS = {
  create: 4.5,
  launch: 5,
  destroy: 3,
  show: 2,
  list: 1,
  manage: 1,
  'manage-many': 2,
  reboot: 1,
  bid: 5.5,
  prepay: 2,
  execute: 1.5,
  templates: 3,
  volumes: 5.5,
  endpoints: 3,
  workergroups: 2,
  charges: 1,
  invoices: 3,
  deposit: 3,
  keys: 1,
} as const;

/** `search` is not an interval but ten calls in a minute by one address. */
export type Endpoint = keyof typeof THRESHOLDS | 'search';

const SEARCHES = 10;
const SEARCH_SECONDS = 60;
/** A client that paces itself exactly must not be refused for a timer's jitter. */
const SLACK = 0.98;

/** The limits on calls. `scale` multiplies every wait; 0 turns them off. */
export class Rates {
  scale: number;
  readonly #lastCalls = new Map<string, number>();
  readonly #searches = new Map<string, number[]>();

  constructor(scale: number) {
    this.scale = scale;
  }

  /** Null when the call may pass; otherwise what the refusal says. A refused call does not count. */
  refuse(call: { endpoint: Endpoint; identity: string; address: string; at: number }): string | null {
    if (this.scale === 0) return null;
    return call.endpoint === 'search' ? this.#refuseSearch(call) : this.#refuseSoon(call, call.endpoint);
  }

  #refuseSoon(
    { identity, at }: { identity: string; at: number },
    endpoint: keyof typeof THRESHOLDS,
  ): string | null {
    const threshold = THRESHOLDS[endpoint];
    const name = `${endpoint}/${identity}`;
    const last = this.#lastCalls.get(name);
    if (last !== undefined && at - last < threshold * this.scale * SLACK) return this.#text(threshold);
    this.#lastCalls.set(name, at);
    return null;
  }

  #refuseSearch({ address, at }: { address: string; at: number }): string | null {
    const window = SEARCH_SECONDS * this.scale * SLACK;
    const recent = (this.#searches.get(address) ?? []).filter((call) => at - call < window);
    this.#searches.set(address, recent);
    if (recent.length >= SEARCHES) return this.#text(SEARCH_SECONDS / SEARCHES);
    recent.push(at);
    return null;
  }

  #text(threshold: number): string {
    const digits = (value: number) => (Number.isInteger(value) ? value.toFixed(1) : String(value));
    return `API requests too frequent: endpoint threshold=${digits(threshold)}*${digits(this.scale)}`;
  }
}
