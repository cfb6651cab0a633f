/** One row of the GPU fallback table. */
export type Tier = {
  /** Shown to people and kept in attempts, e.g. `RTX 4090`. */
  readonly name: string;
  /** Vast's exact spellings; several where one card has variants. */
  readonly gpuNames: readonly string[];
  /** Gigabytes per GPU as the card is sold; drivers report a little less or more. */
  readonly vramGb: number;
  /** Most we pay for one GPU of it with its disk, $/h. */
  readonly usdPerHourMax: number;
  /** 1 is tried first. */
  readonly priority: number;
  /** For people: what the card is good for. */
  readonly useCase: string;
};

/**
 * Least memory an offer must report to count as this tier, MiB.
 *
 * Drivers report less than the card's name says (24 GB: 24,564 MiB, 48 GB: 46,068 MiB with ECC on), and
 * variants of one name differ only in this figure (A100 with 40 or 80 GB).
 */
export function gpuRamMibMin(tier: Tier): number {
  return 0.9 * 1000 * tier.vramGb;
}

/** The default fallback table, cheapest sensible card for a 7B model first. */
export const DEFAULT_TIERS: readonly Tier[] = [
  {
    name: 'RTX 4090',
    gpuNames: ['RTX 4090'],
    vramGb: 24,
    usdPerHourMax: 0.6,
    priority: 1,
    useCase: 'Fast 7B to 14B chat',
  },
  {
    name: 'RTX 3090',
    gpuNames: ['RTX 3090', 'RTX 3090 Ti'],
    vramGb: 24,
    usdPerHourMax: 0.4,
    priority: 2,
    useCase: 'Cheap 7B to 14B chat',
  },
  {
    name: 'RTX A5000',
    gpuNames: ['RTX A5000'],
    vramGb: 24,
    usdPerHourMax: 0.4,
    priority: 3,
    useCase: '7B chat on workstation cards',
  },
  {
    name: 'A40',
    gpuNames: ['A40'],
    vramGb: 48,
    usdPerHourMax: 0.6,
    priority: 4,
    useCase: 'Long context, 14B to 32B',
  },
  {
    name: 'RTX A6000',
    gpuNames: ['RTX A6000'],
    vramGb: 48,
    usdPerHourMax: 0.75,
    priority: 5,
    useCase: 'Long context, 14B to 32B',
  },
  {
    name: 'L40S',
    gpuNames: ['L40S'],
    vramGb: 48,
    usdPerHourMax: 1.0,
    priority: 6,
    useCase: 'High throughput, 8-bit 32B',
  },
  {
    name: 'A100 40GB',
    gpuNames: ['A100 PCIE', 'A100 SXM4'],
    vramGb: 40,
    usdPerHourMax: 1.2,
    priority: 7,
    useCase: 'High throughput, many users',
  },
  {
    name: 'RTX 4080',
    gpuNames: ['RTX 4080', 'RTX 4080S'],
    vramGb: 16,
    usdPerHourMax: 0.4,
    priority: 8,
    useCase: 'Quantised 7B to 14B',
  },
  {
    name: 'V100',
    gpuNames: ['Tesla V100'],
    vramGb: 16,
    usdPerHourMax: 0.35,
    priority: 9,
    useCase: 'Small models in 16-bit',
  },
  {
    name: 'RTX 3080',
    gpuNames: ['RTX 3080', 'RTX 3080 Ti'],
    vramGb: 10,
    usdPerHourMax: 0.25,
    priority: 10,
    useCase: 'Quantised 7B, last resort',
  },
];
