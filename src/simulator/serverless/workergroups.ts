import { z } from 'zod';

/** What a workergroup is told. `min_load`, `target_util` and the like are taken, but count on the endpoint alone. */
export const GroupOrder = z.looseObject({
  endpoint_id: z.number().int().nullish(),
  endpoint_name: z.string().nullish(),
  template_hash: z.string().nullish(),
  template_id: z.number().int().nullish(),
  search_params: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
  launch_args: z.string().nullish(),
  gpu_ram: z.number().min(0).nullish(),
});
export type GroupOrder = z.infer<typeof GroupOrder>;

export type GroupSettings = {
  readonly templateHash: string;
  readonly searchParams: string | Readonly<Record<string, unknown>>;
  readonly launchArgs: string | null;
  readonly gpuRamGb: number | null;
};

export type Workergroup = {
  readonly id: number;
  readonly accountId: number;
  readonly createdAt: number;
  endpointId: number;
  settings: GroupSettings;
};

/** The workergroups of all accounts: how an endpoint's workers are rented, and what they run. */
export class Workergroups {
  readonly #byId = new Map<number, Workergroup>();
  #made: number;

  constructor(groups: readonly Workergroup[] = []) {
    for (const group of groups) this.#byId.set(group.id, group);
    this.#made = Math.max(0, ...groups.map(({ id }) => (id - FIRST_GROUP_ID) / 3));
  }

  all(): Workergroup[] {
    return [...this.#byId.values()];
  }

  ofAccount(accountId: number): Workergroup[] {
    return this.all().filter((group) => group.accountId === accountId);
  }

  ofEndpoint(endpointId: number): Workergroup[] {
    return this.all().filter((group) => group.endpointId === endpointId);
  }

  get(id: number): Workergroup | null {
    return this.#byId.get(id) ?? null;
  }

  find(accountId: number, id: number): Workergroup | null {
    const group = this.#byId.get(id);
    return group?.accountId === accountId ? group : null;
  }

  create(order: Omit<Workergroup, 'id'>): Workergroup {
    this.#made += 1;
    const group = { ...order, id: FIRST_GROUP_ID + this.#made * 3 };
    this.#byId.set(group.id, group);
    return group;
  }

  delete(group: Workergroup): void {
    this.#byId.delete(group.id);
  }
}

const FIRST_GROUP_ID = 9_000;
