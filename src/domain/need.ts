import { describeModel, findImage, type ImageFacts, weightsGbOf } from './catalogue.ts';
import { diskGbNeeded } from './fit.ts';
import type { MachineAdvice } from './machine-memory.ts';
import type { SessionRequest } from './session.ts';
import type { Tier } from './tier.ts';

/** What each part of the score counts for; only their proportions matter. */
export type ScoreWeights = {
  readonly price: number;
  readonly reliability: number;
  readonly download: number;
  readonly cuda: number;
  readonly disk: number;
  /** What this installation remembers of the machine. */
  readonly memory: number;
};

export const DEFAULT_SCORE_WEIGHTS: ScoreWeights = {
  price: 0.4,
  reliability: 0.25,
  download: 0.15,
  cuda: 0.05,
  disk: 0.05,
  memory: 0.1,
};

/** What a session asks of an offer. */
export type Need = {
  readonly tiers: readonly Tier[];
  readonly gpuCount: number;
  readonly model: string;
  readonly vllmArgs: readonly string[];
  /** Per GPU, in place of what the model is reckoned to need. */
  readonly gpuRamMibMin: number | null;
  readonly diskGb: number;
  readonly image: ImageFacts;
  /** For the whole offer with its disk, besides the tiers' own. */
  readonly usdPerHourMax: number | null;
  readonly interruptible: boolean;
  readonly bidUsdPerHourMax: number | null;
  readonly reliabilityMin: number;
  readonly verifiedOnly: boolean;
  readonly datacenterOnly: boolean;
  /** Two capital letters each; empty: anywhere. */
  readonly countries: readonly string[];
  readonly notCountries: readonly string[];
  /** Empty: any. */
  readonly machines: readonly number[];
  readonly notMachines: readonly number[];
  readonly blockedMachines: readonly number[];
  /** By machine id. */
  readonly machineMemory: Readonly<Record<number, MachineAdvice>>;
  /** The session's longest life, which the listing must outlast. */
  readonly lifetimeMs: number;
  readonly maxStartupMs: number;
  /** Over how many hours the download of image and weights is spread when prices are compared. */
  readonly hoursPlanned: number;
  /** See `BootFacts`: below 1 on a market whose machines boot faster than real ones. */
  readonly bootTimeFactor: number;
  readonly weights: ScoreWeights;
};

/** What the request does not say. */
export type NeedContext = {
  readonly maxStartupMs: number;
  readonly blockedMachines?: readonly number[];
  readonly machineMemory?: Need['machineMemory'];
  readonly bootTimeFactor?: number;
  readonly weights?: ScoreWeights;
};

/** The need of a request, its disk computed where it names none. */
export function needOf(request: SessionRequest, more: NeedContext): Need {
  return {
    tiers: request.tiers,
    gpuCount: request.gpuCount,
    model: request.model,
    vllmArgs: request.vllmArgs,
    gpuRamMibMin: request.gpuRamMibMin,
    diskGb: request.diskGb ?? computedDiskGb(request),
    image: findImage(request.image),
    usdPerHourMax: request.usdPerHourMax,
    interruptible: request.interruptible,
    bidUsdPerHourMax: request.bidUsdPerHourMax,
    reliabilityMin: request.reliabilityMin,
    verifiedOnly: request.verifiedOnly,
    datacenterOnly: request.datacenterOnly,
    countries: request.countries,
    notCountries: request.notCountries,
    machines: request.machines,
    notMachines: request.notMachines,
    blockedMachines: more.blockedMachines ?? [],
    machineMemory: more.machineMemory ?? {},
    lifetimeMs: request.lifetimeMs,
    maxStartupMs: more.maxStartupMs,
    hoursPlanned: Math.max(1, request.keepAliveMs / 3_600_000),
    bootTimeFactor: more.bootTimeFactor ?? 1,
    weights: more.weights ?? DEFAULT_SCORE_WEIGHTS,
  };
}

/** For the weights as published: the largest form of the model, whichever form is served in the end. */
function computedDiskGb({ image, model }: SessionRequest): number {
  return diskGbNeeded({ image, weightsGb: weightsGbOf(describeModel(model)) });
}
