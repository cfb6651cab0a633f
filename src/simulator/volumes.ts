import type { Market } from './market.ts';

export type Volume = {
  readonly id: number;
  readonly accountId: number;
  readonly machineId: number;
  readonly sizeGb: number;
  readonly usdPerGbMonth: number;
  readonly name: string | null;
  readonly createdAt: number;
  deletedAt: number | null;
};

/** Local volumes: they outlive instances and bill until they are deleted. */
export class Volumes {
  readonly #byId = new Map<number, Volume>();

  constructor(volumes: readonly Volume[] = []) {
    for (const volume of volumes) this.#byId.set(volume.id, volume);
  }

  all(): Volume[] {
    return [...this.#byId.values()];
  }

  ofAccount(accountId: number): Volume[] {
    return this.all().filter((volume) => volume.accountId === accountId && volume.deletedAt === null);
  }

  find(accountId: number, id: number): Volume | null {
    const volume = this.#byId.get(id);
    return volume?.accountId === accountId && volume.deletedAt === null ? volume : null;
  }

  create(order: Omit<Volume, 'id' | 'deletedAt'>): Volume {
    const volume: Volume = { ...order, id: FIRST_VOLUME_ID + this.#byId.size * 7, deletedAt: null };
    this.#byId.set(volume.id, volume);
    return volume;
  }

  usedUsd(accountId: number, now: number): number {
    return this.all()
      .filter((volume) => volume.accountId === accountId)
      .reduce((sum, volume) => sum + volumeUsd(volume, now), 0);
  }
}

export function volumeUsd(volume: Volume, now: number): number {
  const hours = ((volume.deletedAt ?? now) - volume.createdAt) / 3600;
  return (hours * volume.sizeGb * volume.usdPerGbMonth) / 720;
}

/** The offer id of the volume space on a machine; volume offers have ids of their own. */
export function volumeOfferId(machineId: number): number {
  return FIRST_VOLUME_OFFER_ID + machineId;
}

export function findVolumeMachine(market: Market, offerId: number) {
  return market.machines.get(offerId - FIRST_VOLUME_OFFER_ID) ?? null;
}

const FIRST_VOLUME_ID = 5_200_000;
const FIRST_VOLUME_OFFER_ID = 7_000_000;
