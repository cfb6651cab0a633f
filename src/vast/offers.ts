import { z } from 'zod';
import type { Offer } from '../domain/offer.ts';
import { flag, id, knownNumber, knownText, number, text } from './wire-values.ts';

/** What to ask the market for, in our units. */
export type OfferSearch = {
  /** Vast's exact spellings; all when absent. */
  readonly gpuNames?: readonly string[];
  readonly gpuCount: number;
  readonly gpuRamMibMin?: number;
  /** For the whole hour, GPUs and `diskGb`. */
  readonly usdPerHourMax?: number;
  /** Inclusive; to page on from the dearest offer seen. */
  readonly usdPerHourMin?: number;
  readonly diskGb: number;
  readonly type: 'on-demand' | 'interruptible';
  readonly verifiedOnly: boolean;
  readonly datacenterOnly: boolean;
  readonly reliabilityMin?: number;
  /** Two capital letters each. */
  readonly countries?: readonly string[];
  readonly notCountries?: readonly string[];
  readonly directPortsMin?: number;
  readonly availableSecondsMin?: number;
};

/** Vast never answers with more, whatever limit is asked for. */
export const OFFERS_PER_ANSWER = 64;

type Filter = Record<string, number | boolean | string | readonly string[]>;

/**
 * The query object of `POST /api/v0/bundles/`.
 *
 * The raw API adds none of the filters that the command line adds. Values go as numbers in operator objects:
 * bare scalars are refused.
 */
export function toQuery(search: OfferSearch): Record<string, unknown> {
  return {
    ...toFilters(search),
    order: [['dph_total', 'asc']],
    type: search.type === 'interruptible' ? 'bid' : 'on-demand',
    allocated_storage: search.diskGb,
    limit: OFFERS_PER_ANSWER,
  };
}

/** Null for a row without the facts that decide: what it is, where it is and what it costs. */
export function toOffer(row: unknown, { nowMs }: { nowMs: number }): Offer | null {
  const parsed = OfferRow.safeParse(row);
  if (!parsed.success) return null;
  const wire = parsed.data;
  return {
    offerId: wire.id,
    machineId: wire.machine_id,
    hostId: wire.host_id ?? 0,
    gpuName: wire.gpu_name,
    gpuCount: wire.num_gpus,
    // Vast says MB; the figure is what the driver reports, which is MiB (24,564 for a 24 GB card).
    gpuRamMib: wire.gpu_ram,
    usdPerHour: wire.dph_total,
    gpuUsdPerHour: gpuPriceOf(wire),
    storageUsdPerGbMonth: wire.storage_cost,
    downloadUsdPerGb: wire.inet_down_cost,
    uploadUsdPerGb: wire.inet_up_cost,
    minBidUsdPerHour: wire.min_bid,
    reliability: wire.reliability2 ?? wire.reliability ?? 0,
    isVerified: wire.verification === 'verified',
    isDatacenter: wire.hosting_type === 1,
    // The query asked for rentable, not rented and not external; what is missing is as asked.
    isRentable: wire.rentable ?? true,
    isRented: wire.rented ?? false,
    isExternal: wire.external ?? false,
    country: countryOf(wire.geolocation) ?? countryOf(wire.country_code),
    downloadMbps: wire.inet_down ?? 0,
    uploadMbps: wire.inet_up ?? 0,
    diskGb: wire.disk_space ?? 0,
    diskMbPerSecond: wire.disk_bw ?? 0,
    directPortCount: Math.max(0, wire.direct_port_count ?? 0),
    cudaMax: wire.cuda_max_good ?? 0,
    computeCapability: (wire.compute_cap ?? 0) / 100,
    driverMajor: driverMajorOf(wire.driver_version, wire.driver_vers),
    cpuArch: wire.cpu_arch ?? 'unknown',
    availableSeconds:
      wire.duration ?? (wire.end_date === null ? 0 : Math.max(0, wire.end_date - nowMs / 1_000)),
  };
}

const OfferRow = z.object({
  id,
  machine_id: id,
  host_id: number,
  gpu_name: knownText,
  num_gpus: id,
  gpu_ram: knownNumber,
  dph_total: knownNumber,
  dph_base: number,
  storage_cost: knownNumber,
  storage_total_cost: number,
  inet_down_cost: knownNumber,
  inet_up_cost: knownNumber,
  min_bid: number,
  is_bid: flag,
  reliability: number,
  reliability2: number,
  verification: text,
  hosting_type: number,
  rentable: flag,
  rented: flag,
  external: flag,
  geolocation: text,
  country_code: text,
  inet_down: number,
  inet_up: number,
  disk_space: number,
  disk_bw: number,
  direct_port_count: number,
  cuda_max_good: number,
  compute_cap: number,
  driver_version: text,
  driver_vers: number,
  cpu_arch: text,
  duration: number,
  end_date: number,
});

function toFilters(search: OfferSearch): Record<string, Filter> {
  const { gpuNames, usdPerHourMin, usdPerHourMax, countries, notCountries } = search;
  const filters: Record<string, Filter> = {
    rentable: { eq: true },
    rented: { eq: false },
    external: { eq: false },
    num_gpus: { eq: search.gpuCount },
  };
  const atLeast = (field: string, value: number | undefined): void => {
    if (value !== undefined) filters[field] = { ...filters[field], gte: value };
  };
  if (search.verifiedOnly) filters.verified = { eq: true };
  if (search.datacenterOnly) filters.datacenter = { eq: true };
  if (gpuNames) filters.gpu_name = { in: gpuNames };
  atLeast('gpu_ram', search.gpuRamMibMin);
  atLeast('dph_total', usdPerHourMin);
  if (usdPerHourMax !== undefined) filters.dph_total = { ...filters.dph_total, lte: usdPerHourMax };
  atLeast('reliability', search.reliabilityMin);
  if (countries) filters.geolocation = { ...filters.geolocation, in: countries };
  if (notCountries) filters.geolocation = { ...filters.geolocation, notin: notCountries };
  atLeast('direct_port_count', search.directPortsMin);
  atLeast('duration', search.availableSecondsMin);
  return filters;
}

/** For a bid the GPUs cost what is bid, and `dph_base` goes on naming the on-demand price. */
function gpuPriceOf(wire: z.infer<typeof OfferRow>): number {
  const storageUsdPerHour = wire.storage_total_cost ?? 0;
  if (wire.is_bid === true) return wire.min_bid ?? wire.dph_total - storageUsdPerHour;
  return wire.dph_base ?? wire.dph_total - storageUsdPerHour;
}

/** "California, US" and "US" alike. */
function countryOf(place: string | null): string | null {
  return place === null ? null : (/(?:^|,)\s*([A-Z]{2})\s*$/.exec(place)?.[1] ?? null);
}

/** "570.86.15", or 570086015. */
function driverMajorOf(version: string | null, packed: number | null): number {
  const major = Number.parseInt(version ?? '', 10);
  if (Number.isFinite(major)) return major > 1_000_000 ? Math.floor(major / 1_000_000) : major;
  return packed === null ? 0 : Math.floor(packed / 1_000_000);
}
