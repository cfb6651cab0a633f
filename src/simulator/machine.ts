import { CPUS, CUDA_DRIVERS, GPU_MODELS, type GpuModel, PLACES } from './hardware.ts';
import { hash, type Random, seededRandom } from './random.ts';

/** A physical machine of some host. Everything here stays as it is for the machine's whole life. */
export type Machine = {
  readonly id: number;
  readonly hostId: number;
  readonly gpu: GpuModel;
  readonly gpuCount: number;
  /** GPUs in each slice that the host lists; their sum is `gpuCount`. */
  readonly sliceGpuCounts: readonly number[];
  readonly isVerified: boolean;
  readonly isDatacenter: boolean;
  readonly hasStaticIp: boolean;
  readonly country: string;
  readonly region: string;
  readonly reliability: number;
  readonly downloadMbps: number;
  readonly uploadMbps: number;
  readonly downloadUsdPerGb: number;
  readonly uploadUsdPerGb: number;
  readonly storageUsdPerGbMonth: number;
  readonly diskGb: number;
  readonly diskMbPerSecond: number;
  readonly directPortCount: number;
  readonly cudaMax: number;
  readonly driver: string;
  readonly cpu: { readonly name: string; readonly cores: number; readonly ghz: number };
  readonly cpuRamMb: number;
  readonly usdPerGpuHour: number;
  /** Share of the on-demand price that the lowest bid starts from. */
  readonly bidShare: number;
  /** Days from the market's opening until the host's listing ends. */
  readonly listedDays: number;
  /** Production pads the address of some hosts with white space. */
  readonly hasPaddedAddress: boolean;
};

/** The machines of one market. Kinds of GPU come in turn, so that every common one is there in number. */
export function makeMachines(seed: number, count: number): Machine[] {
  const turns = gpuTurns();
  return Array.from({ length: count }, (_, index) => {
    const gpu = turns[index % turns.length];
    if (gpu === undefined) throw new Error('there are no GPU models');
    return makeMachine(seededRandom(seed, 'machine', index), gpu, index);
  });
}

/** Each model as often as its weight, spread evenly so that a small market has the common ones too. */
function gpuTurns(): GpuModel[] {
  const turns: { at: number; gpu: GpuModel }[] = [];
  for (const [row, gpu] of GPU_MODELS.entries()) {
    for (let turn = 0; turn < gpu.weight; turn += 1) {
      turns.push({ at: (turn + 0.5) / gpu.weight + row / 1000, gpu });
    }
  }
  return turns.sort((a, b) => a.at - b.at).map(({ gpu }) => gpu);
}

function makeMachine(random: Random, gpu: GpuModel, index: number): Machine {
  // Four machines of five are sound; the rest are what default filters are for.
  const isSound = index % 5 !== 4;
  const sliceGpuCounts = random.pick(SLICES);
  const gpuCount = sliceGpuCounts.reduce((sum, slice) => sum + slice, 0);
  const [country, region] = random.pick(PLACES);
  const [cudaMax, driver] = random.pick(isSound ? CUDA_DRIVERS.slice(0, 4) : CUDA_DRIVERS.slice(2));
  const [cpuName, cores, ghz] = random.pick(CPUS);
  const isDatacenter = isSound && random.chance(0.3);
  return {
    id: 10_000 + index * 7 + random.integer(0, 6),
    hostId: 100_000 + (hash(`host/${Math.floor(index / 2)}`) % 300_000),
    gpu,
    gpuCount,
    sliceGpuCounts,
    isVerified: isSound || random.chance(0.3),
    isDatacenter,
    hasStaticIp: isDatacenter || random.chance(0.4),
    country,
    region,
    reliability: rounded(isSound ? random.between(0.962, 0.9995) : random.between(0.78, 0.97), 7),
    downloadMbps: rounded(isSound ? 400 * 20 ** random.next() : random.between(25, 400), 1),
    uploadMbps: rounded(isSound ? 200 * 20 ** random.next() : random.between(5, 120), 1),
    downloadUsdPerGb: rounded(random.pick([0, 0.001, 0.002, 0.004, 0.008, isSound ? 0.01 : 0.04]), 6),
    uploadUsdPerGb: rounded(random.pick([0.001, 0.003, 0.006, 0.01, isSound ? 0.015 : 0.05]), 6),
    storageUsdPerGbMonth: rounded(random.between(0.08, isSound ? 0.2 : 0.5), 6),
    diskGb: rounded(isSound ? random.between(180, 3000) : random.between(20, 400), 1),
    diskMbPerSecond: rounded(isSound ? random.between(800, 6500) : random.between(120, 900), 1),
    directPortCount: isSound ? random.integer(16, 250) * 2 : random.pick([0, 0, 1, 2, 12, 50]),
    cudaMax: gpu.computeCap >= 1000 ? Math.max(cudaMax, 12.8) : cudaMax,
    driver: gpu.computeCap >= 1000 && cudaMax < 12.8 ? CUDA_DRIVERS[2][1] : driver,
    cpu: { name: cpuName, cores, ghz },
    cpuRamMb: random.pick([64, 128, 256, 512]) * 1000 + random.integer(0, 900),
    usdPerGpuHour: rounded(priceWithin(random, gpu), 6),
    bidShare: random.between(0.4, 0.65),
    listedDays: random.between(isSound ? 30 : 2, 220),
    hasPaddedAddress: random.chance(0.2),
  };
}

/** Hosts list most often one GPU at a time, sometimes the whole box. */
const SLICES: readonly (readonly number[])[] = [
  [1],
  [1],
  [1],
  [1, 1],
  [1, 1],
  [1, 1, 2],
  [1, 2],
  [2],
  [1, 1, 2, 4],
  [1, 1, 1, 1],
  [4],
  [8],
];

/** More hosts ask a low price than a high one. */
function priceWithin(random: Random, gpu: GpuModel): number {
  return gpu.usdPerHourLow + random.next() ** 1.4 * (gpu.usdPerHourHigh - gpu.usdPerHourLow);
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
