import { randomBytes } from 'node:crypto';
import { z } from 'zod';

const load = z.number().min(0);

const Settings = z.object({
  endpoint_name: z.string().min(1).max(256),
  min_load: load,
  min_cold_load: load,
  target_util: z.number().gt(0).max(1),
  cold_mult: z.number().min(1),
  cold_workers: z.number().int().min(0),
  max_workers: z.number().int().min(0),
  max_queue_time: load.nullable(),
  target_queue_time: load.nullable(),
  inactivity_timeout: z.number().nullable(),
  endpoint_state: z.enum(['active', 'suspended', 'stopped']),
});
export type EndpointSettings = z.infer<typeof Settings>;

/**
 * What a body makes of the settings that an endpoint has, or that it would begin with. Null stands for what the body
 * does not say, as the official command line sends it.
 */
export function readSettings(before: Partial<EndpointSettings>, body: Readonly<Record<string, unknown>>) {
  const said = Object.entries(body).filter(([, value]) => value !== null);
  return Settings.safeParse({ ...before, ...Object.fromEntries(said) });
}

/** As of the official command line. */
export const ENDPOINT_DEFAULTS: Omit<EndpointSettings, 'endpoint_name'> = {
  min_load: 0,
  min_cold_load: 0,
  target_util: 0.9,
  cold_mult: 2.5,
  cold_workers: 5,
  max_workers: 20,
  max_queue_time: null,
  target_queue_time: null,
  inactivity_timeout: null,
  endpoint_state: 'active',
};

export type Endpoint = {
  readonly id: number;
  readonly accountId: number;
  /** What callers of `/route/` hold: it opens this endpoint and nothing else. */
  readonly key: string;
  readonly createdAt: number;
  settings: EndpointSettings;
};

/** The endpoints of all accounts. */
export class Endpoints {
  readonly #byId = new Map<number, Endpoint>();
  #made: number;

  constructor(endpoints: readonly Endpoint[] = []) {
    for (const endpoint of endpoints) this.#byId.set(endpoint.id, endpoint);
    this.#made = Math.max(0, ...endpoints.map(({ id }) => (id - FIRST_ENDPOINT_ID) / 7));
  }

  all(): Endpoint[] {
    return [...this.#byId.values()];
  }

  ofAccount(accountId: number): Endpoint[] {
    return this.all().filter((endpoint) => endpoint.accountId === accountId);
  }

  find(accountId: number, id: number): Endpoint | null {
    const endpoint = this.#byId.get(id);
    return endpoint?.accountId === accountId ? endpoint : null;
  }

  get(id: number): Endpoint | null {
    return this.#byId.get(id) ?? null;
  }

  findByKey(key: string): Endpoint | null {
    return this.all().find((endpoint) => endpoint.key === key) ?? null;
  }

  create(accountId: number, settings: EndpointSettings, now: number): Endpoint {
    this.#made += 1;
    const id = FIRST_ENDPOINT_ID + this.#made * 7;
    const endpoint = { id, accountId, key: randomBytes(32).toString('hex'), createdAt: now, settings };
    this.#byId.set(id, endpoint);
    return endpoint;
  }

  delete(endpoint: Endpoint): void {
    this.#byId.delete(endpoint.id);
  }
}

const FIRST_ENDPOINT_ID = 21_000;

export function endpointRow({ id, accountId, key, createdAt, settings }: Endpoint) {
  return {
    id,
    ...settings,
    api_key: key,
    user_id: accountId,
    created_at: createdAt,
    autoscaler_instance: 'prod',
    auto_delete_in_seconds: null,
    auto_delete_due_24h: false,
  };
}
