/** One kind of GPU as the market names it, with the hourly price range seen for it. */
export type GpuModel = {
  readonly name: string;
  /** Per GPU, as the driver reports it. */
  readonly ramMib: number;
  readonly usdPerHourLow: number;
  readonly usdPerHourHigh: number;
  /** Capability × 100: 890 is 8.9. */
  readonly computeCap: number;
  readonly tflops: number;
  readonly memoryGbps: number;
  readonly maxWatts: number;
  readonly nvlinkGbps: number;
  /** How often it turns up among the machines. */
  readonly weight: number;
};

type Row = readonly [
  name: string,
  ramMib: number,
  usdLow: number,
  usdHigh: number,
  computeCap: number,
  tflops: number,
  memoryGbps: number,
  maxWatts: number,
  weight: number,
];

const ROWS: readonly Row[] = [
  ['RTX 4090', 24_564, 0.29, 0.5, 890, 82.6, 925, 450, 12],
  ['RTX 3090', 24_576, 0.12, 0.26, 860, 35.6, 850, 350, 10],
  ['RTX A5000', 24_564, 0.15, 0.3, 860, 27.8, 690, 230, 9],
  ['A40', 46_068, 0.28, 0.48, 860, 37.4, 640, 300, 9],
  ['RTX A6000', 49_140, 0.38, 0.62, 860, 38.7, 690, 300, 9],
  ['L40S', 46_068, 0.47, 0.86, 890, 91.6, 780, 350, 9],
  ['A100 PCIE', 40_960, 0.52, 0.88, 800, 19.5, 1400, 250, 5],
  ['A100 SXM4', 40_960, 0.58, 0.98, 800, 19.5, 1400, 400, 5],
  ['A100 PCIE', 81_920, 0.79, 1.25, 800, 19.5, 1750, 300, 2],
  ['A100 SXM4', 81_920, 0.85, 1.4, 800, 19.5, 1850, 400, 2],
  ['RTX 4080', 16_376, 0.17, 0.3, 890, 48.7, 680, 320, 6],
  ['RTX 4080S', 16_376, 0.18, 0.31, 890, 52.2, 690, 320, 2],
  ['Tesla V100', 16_384, 0.11, 0.24, 700, 14.1, 800, 300, 6],
  ['Tesla V100', 32_768, 0.16, 0.29, 700, 14.1, 800, 300, 2],
  ['RTX 3080', 10_240, 0.08, 0.17, 860, 29.8, 700, 320, 8],
  ['RTX 3080 Ti', 12_288, 0.1, 0.19, 860, 34.1, 850, 350, 1],
  ['RTX 4070 Ti', 12_282, 0.11, 0.19, 890, 40.1, 470, 285, 3],
  ['RTX 3060', 12_288, 0.05, 0.1, 860, 12.7, 330, 170, 4],
  ['Tesla T4', 15_360, 0.08, 0.16, 750, 8.1, 290, 70, 2],
  ['RTX 5090', 32_607, 0.42, 0.75, 1200, 104.8, 1700, 575, 3],
  ['H100 PCIE', 81_559, 1.6, 2.3, 900, 51.2, 1950, 350, 1],
  ['H100 SXM', 81_559, 1.75, 2.7, 900, 66.9, 2900, 700, 2],
  ['H200', 143_771, 2.2, 3.4, 900, 66.9, 4200, 700, 1],
  ['L40', 46_068, 0.42, 0.75, 890, 90.5, 750, 300, 1],
  ['A10', 23_028, 0.16, 0.28, 860, 31.2, 540, 150, 1],
  ['RTX A4000', 16_376, 0.08, 0.16, 860, 19.2, 400, 140, 1],
  ['RTX 6000Ada', 49_140, 0.5, 0.82, 890, 91.1, 830, 300, 1],
  ['RTX 3090 Ti', 24_564, 0.15, 0.28, 860, 40, 920, 450, 1],
  ['RTX 5080', 16_303, 0.2, 0.34, 1200, 56.3, 900, 360, 1],
  ['RTX PRO 6000 WS', 97_887, 0.9, 1.5, 1200, 125, 1700, 600, 1],
];

export const GPU_MODELS: readonly GpuModel[] = ROWS.map(
  ([name, ramMib, usdPerHourLow, usdPerHourHigh, computeCap, tflops, memoryGbps, maxWatts, weight]) => ({
    name,
    ramMib,
    usdPerHourLow,
    usdPerHourHigh,
    computeCap,
    tflops,
    memoryGbps,
    maxWatts,
    nvlinkGbps: name.includes('SXM') ? 600 : 0,
    weight,
  }),
);

/** Country, region as offers spell it, and how often machines stand there. */
export const PLACES = [
  ['US', 'California, US'],
  ['US', 'Texas, US'],
  ['US', 'Washington, US'],
  ['US', 'Virginia, US'],
  ['CA', 'Quebec, CA'],
  ['SE', 'Sweden, SE'],
  ['NO', 'Norway, NO'],
  ['FI', 'Finland, FI'],
  ['DE', 'Germany, DE'],
  ['NL', 'Netherlands, NL'],
  ['FR', 'France, FR'],
  ['GB', 'United Kingdom, GB'],
  ['PL', 'Poland, PL'],
  ['CZ', 'Czechia, CZ'],
  ['BG', 'Bulgaria, BG'],
  ['ES', 'Spain, ES'],
  ['JP', 'Japan, JP'],
  ['KR', 'South Korea, KR'],
  ['TW', 'Taiwan, TW'],
  ['IN', 'India, IN'],
  ['AU', 'Australia, AU'],
  ['BR', 'Brazil, BR'],
] as const;

/** The highest CUDA a driver serves, with that driver. */
export const CUDA_DRIVERS = [
  [13.0, '580.95.05'],
  [12.9, '575.57.08'],
  [12.8, '570.133.20'],
  [12.6, '560.35.03'],
  [12.4, '550.127.05'],
  [12.2, '535.183.01'],
  [11.8, '520.61.05'],
] as const;

export const CPUS = [
  ['AMD EPYC 7713 64-Core Processor', 128, 2.0],
  ['AMD EPYC 7543 32-Core Processor', 64, 2.8],
  ['AMD EPYC 9354 32-Core Processor', 64, 3.25],
  ['AMD Ryzen Threadripper PRO 5975WX', 64, 3.6],
  ['Xeon® Gold 6330', 112, 2.0],
  ['AMD Ryzen 9 7950X', 32, 4.5],
] as const;
