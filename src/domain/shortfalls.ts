/** Every way in which an offer falls short of a need, in words, so that an empty search can say why. */
import { expectedBoot } from './boot-time.ts';
import { cudaMinFor } from './catalogue.ts';
import { planServing, type ServingPlan } from './fit.ts';
import type { Need } from './need.ts';
import type { Offer } from './offer.ts';
import { gpuRamMibMin, type Tier } from './tier.ts';

export const REJECTION_KINDS = [
  'not-rentable',
  'tier',
  'gpu-count',
  'vram',
  'price',
  'bid',
  'reliability',
  'unverified',
  'not-datacenter',
  'country',
  'machine',
  'blocked',
  'remembered',
  'ports',
  'cuda',
  'compute-capability',
  'driver',
  'cpu-arch',
  'disk',
  'duration',
  'boot-time',
] as const;
export type RejectionKind = (typeof REJECTION_KINDS)[number];
export type Rejection = { readonly kind: RejectionKind; readonly message: string };

export type Judging = {
  readonly offer: Offer;
  readonly need: Need;
  readonly tier: Tier | null;
  readonly plan: ServingPlan;
};

/** Nothing: the offer may be rented. */
export function shortfalls(judging: Judging): Rejection[] {
  return [
    ...availability(judging),
    ...tierAndPrice(judging),
    ...wishes(judging),
    ...machineLists(judging),
    ...software(judging),
    ...room(judging),
  ];
}

/**
 * The first tier, by priority, that the offer matches and whose price it keeps; else the first it matches
 * (so that the price it exceeds is named), or null.
 */
export function findTier(offer: Offer, need: Need): Tier | null {
  const matching = need.tiers.filter((tier) => isOfTier(offer, tier)).sort((a, b) => a.priority - b.priority);
  return matching.find((tier) => isWithinPrice(offer, need, tier)) ?? matching[0] ?? null;
}

/** How the model would be served there. */
export function servingOn(offer: Offer, need: Need): ServingPlan {
  return planServing({
    model: need.model,
    gpuRamMib: offer.gpuRamMib,
    gpuCount: offer.gpuCount,
    computeCapability: offer.computeCapability,
    vllmArgs: need.vllmArgs,
    isMemoryTrusted: need.gpuRamMibMin !== null,
  });
}

/**
 * What an hour costs with its disk. Where we bid, it costs our bid: a fifth above the lowest accepted one,
 * against being outbid at once, within what the caller and the tier allow.
 */
export function usdPerHourOn(
  offer: Offer,
  need: Need,
  tier: Tier,
): { usdPerHour: number; bidUsdPerHour: number | null } {
  if (!need.interruptible || offer.minBidUsdPerHour === null) {
    return { usdPerHour: offer.usdPerHour, bidUsdPerHour: null };
  }
  const storageUsdPerHour = (need.diskGb * offer.storageUsdPerGbMonth) / HOURS_PER_MONTH;
  const most = Math.min(
    need.bidUsdPerHourMax ?? Number.MAX_VALUE,
    (need.usdPerHourMax ?? Number.MAX_VALUE) - storageUsdPerHour,
    tier.usdPerHourMax * offer.gpuCount - storageUsdPerHour,
  );
  // Never below the lowest accepted bid: what that costs then exceeds a limit, and is rejected for it.
  const bid = Math.max(offer.minBidUsdPerHour, Math.min(most, offer.minBidUsdPerHour * BID_LEAD));
  return { usdPerHour: bid + storageUsdPerHour, bidUsdPerHour: bid };
}

/** Vast's month. */
const HOURS_PER_MONTH = 720;
const BID_LEAD = 1.2;
/** Sums of prices are not exact. */
const USD_TOLERANCE = 1e-9;

function isOfTier(offer: Offer, tier: Tier): boolean {
  return tier.gpuNames.includes(offer.gpuName) && offer.gpuRamMib >= gpuRamMibMin(tier);
}

function isWithinPrice(offer: Offer, need: Need, tier: Tier): boolean {
  return usdPerHourOn(offer, need, tier).usdPerHour <= tier.usdPerHourMax * offer.gpuCount + USD_TOLERANCE;
}

function availability({ offer }: Judging): Rejection[] {
  return [
    ...when(!offer.isRentable, 'not-rentable', 'is not rentable now'),
    ...when(offer.isRented, 'not-rentable', 'is rented already'),
    ...when(offer.isExternal, 'not-rentable', "is another provider's, only listed here"),
  ];
}

function tierAndPrice({ offer, need, tier }: Judging): Rejection[] {
  const count = when(
    offer.gpuCount !== need.gpuCount,
    'gpu-count',
    `has ${offer.gpuCount} GPU${offer.gpuCount === 1 ? '' : 's'}, ${need.gpuCount} asked for`,
  );
  if (tier === null) return [...count, noTier(offer, need)];

  const { usdPerHour, bidUsdPerHour } = usdPerHourOn(offer, need, tier);
  const top = tier.usdPerHourMax * offer.gpuCount;
  const most = need.usdPerHourMax ?? Number.MAX_VALUE;
  const bidMost = need.bidUsdPerHourMax ?? Number.MAX_VALUE;
  return [
    ...count,
    ...when(
      usdPerHour > top + USD_TOLERANCE,
      'price',
      `costs ${usd(usdPerHour)}/h, tier ${tier.name} allows ${usd(top)}`,
    ),
    ...when(
      usdPerHour > most + USD_TOLERANCE,
      'price',
      `costs ${usd(usdPerHour)}/h, the request allows ${usd(most)}`,
    ),
    ...when(need.interruptible && bidUsdPerHour === null, 'bid', 'cannot be bid for'),
    ...when(
      (bidUsdPerHour ?? 0) > bidMost,
      'bid',
      `takes no bid below ${usd(bidUsdPerHour ?? 0)}/h, the request allows ${usd(bidMost)}`,
    ),
  ];
}

function noTier(offer: Offer, need: Need): Rejection {
  const named = need.tiers.filter((tier) => tier.gpuNames.includes(offer.gpuName));
  const [least] = named.sort((a, b) => gpuRamMibMin(a) - gpuRamMibMin(b));
  if (least === undefined) return { kind: 'tier', message: `${offer.gpuName} is in none of the tiers` };
  return {
    kind: 'tier',
    message: `has ${count(offer.gpuRamMib)} MiB per GPU, tier ${least.name} asks for ${count(gpuRamMibMin(least))}`,
  };
}

function wishes({ offer, need }: Judging): Rejection[] {
  const country = offer.country ?? 'a country it does not name';
  return [
    ...when(
      offer.reliability < need.reliabilityMin,
      'reliability',
      `is ${percent(offer.reliability)} reliable, ${percent(need.reliabilityMin)} asked for`,
    ),
    ...when(need.verifiedOnly && !offer.isVerified, 'unverified', 'is not verified'),
    ...when(need.datacenterOnly && !offer.isDatacenter, 'not-datacenter', 'is not in a datacenter'),
    ...when(
      need.countries.length > 0 && !lists(need.countries, offer.country),
      'country',
      `stands in ${country}, wanted: ${need.countries.join(', ')}`,
    ),
    // A listing that does not say where it stands may stand in any of them.
    ...when(
      need.notCountries.length > 0 && (offer.country === null || lists(need.notCountries, offer.country)),
      'country',
      `stands in ${country}, not wanted: ${need.notCountries.join(', ')}`,
    ),
  ];
}

function lists(countries: readonly string[], country: string | null): boolean {
  return country !== null && countries.some((listed) => listed.toUpperCase() === country.toUpperCase());
}

function machineLists({ offer, need }: Judging): Rejection[] {
  const { machineId } = offer;
  const remembered = need.machineMemory[machineId]?.avoid ?? null;
  return [
    ...when(
      need.machines.length > 0 && !need.machines.includes(machineId),
      'machine',
      `machine ${machineId} is not among those asked for`,
    ),
    ...when(
      need.notMachines.includes(machineId),
      'machine',
      `machine ${machineId} is not wanted by the request`,
    ),
    ...when(
      need.blockedMachines.includes(machineId),
      'blocked',
      `machine ${machineId} is blocked: it failed lately or another attempt has it`,
    ),
    // Advice only: who asks for this very machine gets it.
    ...when(remembered !== null && !need.machines.includes(machineId), 'remembered', remembered ?? ''),
  ];
}

function software({ offer, need: { image } }: Judging): Rejection[] {
  const cudaMin = cudaMinFor(offer.computeCapability, image.cudaMin);
  const newest = image.computeCapabilityMax ?? Number.MAX_VALUE;
  const capability = offer.computeCapability.toFixed(1);
  return [
    ...when(offer.directPortCount < 1, 'ports', 'has no port to forward, 1 needed'),
    ...when(
      offer.cudaMax < cudaMin,
      'cuda',
      `supports CUDA ${offer.cudaMax.toFixed(1)}, the image needs ${cudaMin.toFixed(1)}`,
    ),
    ...when(
      offer.computeCapability < image.computeCapabilityMin,
      'compute-capability',
      `has compute capability ${capability}, the image needs ${image.computeCapabilityMin.toFixed(1)}`,
    ),
    ...when(
      offer.computeCapability > newest,
      'compute-capability',
      `has compute capability ${capability}, the image knows none above ${newest.toFixed(1)}`,
    ),
    // 0 is a driver the listing does not name; its CUDA version is known and judged above.
    ...when(
      offer.driverMajor > 0 && offer.driverMajor < image.driverMajorMin,
      'driver',
      `has driver ${offer.driverMajor}, the image needs ${image.driverMajorMin}`,
    ),
    ...when(
      offer.cpuArch !== 'amd64',
      'cpu-arch',
      `has a CPU of architecture ${offer.cpuArch || 'unknown'}, amd64 needed`,
    ),
  ];
}

function room({ offer, need, plan }: Judging): Rejection[] {
  const listedMs = offer.availableSeconds * 1000;
  return [
    ...when(
      offer.diskGb < need.diskGb,
      'disk',
      `has ${offer.diskGb.toFixed(0)} GB of disk, ${need.diskGb.toFixed(0)} needed`,
    ),
    ...when(
      listedMs < need.lifetimeMs,
      'duration',
      `is listed for ${hours(listedMs)} h more, the session may last ${hours(need.lifetimeMs)} h`,
    ),
    ...memory(offer, need, plan),
    ...(plan.fits ? bootTime(offer, need, plan.weightsGb) : []),
  ];
}

function memory(offer: Offer, need: Need, plan: ServingPlan): Rejection[] {
  const least = need.gpuRamMibMin;
  const asked = `has ${count(offer.gpuRamMib)} MiB per GPU, ${count(least ?? 0)} asked for`;
  return [
    ...when(least !== null && offer.gpuRamMib < least, 'vram', asked),
    ...(plan.fits ? [] : [{ kind: 'vram' as const, message: plan.why }]),
  ];
}

function bootTime(offer: Offer, need: Need, weightsGb: number): Rejection[] {
  const { totalMs } = expectedBoot({
    downloadMbps: offer.downloadMbps,
    diskMbPerSecond: offer.diskMbPerSecond,
    imageGb: need.image.compressedGb,
    weightsGb,
    timeFactor: need.bootTimeFactor,
  });
  const fetched = `${(need.image.compressedGb + weightsGb).toFixed(0)} GB at ${count(offer.downloadMbps)} Mbps`;
  return when(
    totalMs > need.maxStartupMs,
    'boot-time',
    `would take ${minutes(totalMs)} minutes to boot (${fetched}), ${minutes(need.maxStartupMs)} allowed`,
  );
}

function when(isShort: boolean, kind: RejectionKind, message: string): Rejection[] {
  return isShort ? [{ kind, message }] : [];
}

function usd(value: number): string {
  return `$${value.toFixed(3)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function hours(ms: number): string {
  return (ms / 3_600_000).toFixed(1);
}

function minutes(ms: number): string {
  return (ms / 60_000).toFixed(1);
}

function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}
