/** Builders with good defaults: what a test sets is what it is about. */
import type { Choice, InstanceFacts } from '../../src/domain/attempt.ts';
import { findImage } from '../../src/domain/catalogue.ts';
import type { Instance } from '../../src/domain/instance.ts';
import type { Meter } from '../../src/domain/meter.ts';
import { DEFAULT_SCORE_WEIGHTS, type Need } from '../../src/domain/need.ts';
import type { Offer } from '../../src/domain/offer.ts';
import type { SessionRequest } from '../../src/domain/session.ts';
import { DEFAULT_TIERS, type Tier } from '../../src/domain/tier.ts';

const HOUR_MS = 3_600_000;
const MODEL = 'Qwen/Qwen2.5-7B-Instruct';
const IMAGE = 'vllm/vllm-openai:v0.16.0';

/** A sound RTX 4090 below its tier's top price, which `aNeed()` accepts. */
export function anOffer(set: Partial<Offer> = {}): Offer {
  return {
    offerId: 7001,
    machineId: 501,
    hostId: 91,
    gpuName: 'RTX 4090',
    gpuCount: 1,
    gpuRamMib: 24_564,
    usdPerHour: 0.42,
    gpuUsdPerHour: 0.41,
    storageUsdPerGbMonth: 0.12,
    downloadUsdPerGb: 0.002,
    uploadUsdPerGb: 0.003,
    minBidUsdPerHour: 0.2,
    reliability: 0.99,
    isVerified: true,
    isDatacenter: false,
    isRentable: true,
    isRented: false,
    isExternal: false,
    country: 'SE',
    downloadMbps: 900,
    uploadMbps: 500,
    diskGb: 400,
    diskMbPerSecond: 2_000,
    directPortCount: 20,
    cudaMax: 12.8,
    computeCapability: 8.9,
    driverMajor: 570,
    cpuArch: 'amd64',
    availableSeconds: 30 * 24 * 3_600,
    ...set,
  };
}

/** The default model on the default tiers, for a day at most. */
export function aNeed(set: Partial<Need> = {}): Need {
  return {
    tiers: DEFAULT_TIERS,
    gpuCount: 1,
    model: MODEL,
    vllmArgs: [],
    gpuRamMibMin: null,
    diskGb: 50,
    image: findImage(IMAGE),
    usdPerHourMax: null,
    interruptible: false,
    bidUsdPerHourMax: null,
    reliabilityMin: 0.95,
    verifiedOnly: true,
    datacenterOnly: false,
    countries: [],
    notCountries: [],
    machines: [],
    notMachines: [],
    blockedMachines: [],
    machineMemory: {},
    lifetimeMs: 24 * HOUR_MS,
    maxStartupMs: HOUR_MS / 4,
    hoursPlanned: 1,
    bootTimeFactor: 1,
    weights: DEFAULT_SCORE_WEIGHTS,
    ...set,
  };
}

/** Running, with its port mapped. */
export function anInstance(set: Partial<Instance> = {}): Instance {
  return {
    instanceId: 9001,
    label: null,
    labelFromEnvironment: null,
    machineId: 501,
    gpuName: 'RTX 4090',
    gpuCount: 1,
    gpuRamMib: 24_564,
    actualStatus: 'running',
    intendedStatus: 'running',
    currentState: 'running',
    nextState: 'running',
    statusMessage: 'success, running vllm/vllm-openai_v0.16.0/ssh',
    publicIp: '203.0.113.7',
    hostPorts: { '8000/tcp': 37_708 },
    startedAtMs: 1_760_000_000_000,
    endsAtMs: null,
    uptimeMs: 60_000,
    usdPerHour: 0.42,
    gpuUsdPerHour: 0.41,
    storageUsdPerHour: 0.01,
    downloadUsdPerGb: 0.002,
    uploadUsdPerGb: 0.003,
    downloadBilledMb: 0,
    uploadBilledMb: 0,
    isBid: false,
    diskGb: 50,
    gpuUtilPercent: 87,
    gpuTempC: 61,
    ...set,
  };
}

/** A tier of one card, first in line. */
export function aTier(set: Partial<Tier> = {}): Tier {
  return {
    name: 'RTX 4090',
    gpuNames: ['RTX 4090'],
    vramGb: 24,
    usdPerHourMax: 0.6,
    priority: 1,
    useCase: 'Fast 7B to 14B chat',
    ...set,
  };
}

/** What a launch without parameters asks for. */
export function aRequest(set: Partial<SessionRequest> = {}): SessionRequest {
  return {
    model: MODEL,
    keepAliveMs: 0.75 * HOUR_MS,
    autoSwitch: true,
    budgetUsd: 2,
    lifetimeMs: 24 * HOUR_MS,
    hedge: 1,
    replace: false,
    tiers: DEFAULT_TIERS,
    gpuCount: 1,
    gpuRamMibMin: null,
    diskGb: null,
    image: IMAGE,
    vllmArgs: [],
    interruptible: false,
    bidUsdPerHourMax: null,
    usdPerHourMax: null,
    countries: [],
    notCountries: [],
    datacenterOnly: false,
    verifiedOnly: true,
    reliabilityMin: 0.95,
    machines: [],
    notMachines: [],
    ...set,
  };
}

/** A contract at $0.40 for its GPU and $0.01 for its disk, made and not yet running. */
export function aMeter(set: Partial<Meter> = {}): Meter {
  return {
    gpuUsdPerHour: 0.4,
    storageUsdPerHour: 0.01,
    downloadUsdPerGb: 0.002,
    uploadUsdPerGb: 0.003,
    pricedAtMs: null,
    earlier: null,
    createdAtMs: 0,
    runningAtMs: null,
    stoppedAtMs: null,
    goneAtMs: null,
    downloadMb: 0,
    uploadMb: 0,
    ...set,
  };
}

/** An RTX 4090 as the ranking hands it to an attempt. */
export function aChoice(set: Partial<Choice> = {}): Choice {
  return {
    offerId: 7001,
    machineId: 501,
    tier: 'RTX 4090',
    gpuName: 'RTX 4090',
    gpuCount: 1,
    usdPerHour: 0.42,
    bidUsdPerHour: null,
    gpuUsdPerHour: 0.41,
    storageUsdPerHour: 0.01,
    downloadUsdPerGb: 0.002,
    uploadUsdPerGb: 0.003,
    trafficUsd: 0.05,
    score: 0.8,
    modelToLoad: MODEL,
    vllmArgs: [],
    isPooling: false,
    diskGb: 50,
    bootMsExpected: 300_000,
    pullMsExpected: 120_000,
    bootDeadlineMs: 600_000,
    vllmDeadlineMs: 600_000,
    ...set,
  };
}

/** One look at a running instance. */
export function someFacts(set: Partial<InstanceFacts> = {}): InstanceFacts {
  return {
    instanceId: 9001,
    observedAtMs: 0,
    actualStatus: 'running',
    usdPerHour: 0.42,
    gpuUsdPerHour: 0.41,
    storageUsdPerHour: 0.01,
    downloadUsdPerGb: null,
    uploadUsdPerGb: null,
    downloadMb: null,
    uploadMb: null,
    createdAtMs: null,
    runningAtMs: null,
    gpuName: 'RTX 4090',
    isBid: false,
    ...set,
  };
}
