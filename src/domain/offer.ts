/** A slice of a machine for rent, in our units. `src/vast` makes these from Vast.ai's rows. */
export type Offer = {
  readonly offerId: number;
  /** Stable per physical machine, unlike `offerId`, which changes when a host relists. */
  readonly machineId: number;
  readonly hostId: number;
  /** Vast's exact spelling, such as `RTX 4090` or `A100 SXM4`. */
  readonly gpuName: string;
  readonly gpuCount: number;
  /** Per GPU, as the driver reports it (a 24 GB card: 24,564). */
  readonly gpuRamMib: number;
  /** GPUs and the disk asked for in the search; traffic is never part of it. */
  readonly usdPerHour: number;
  /** All GPUs of the offer, without disk. */
  readonly gpuUsdPerHour: number;
  readonly storageUsdPerGbMonth: number;
  readonly downloadUsdPerGb: number;
  readonly uploadUsdPerGb: number;
  /** Lowest bid for the whole offer; null where it cannot be bid for. */
  readonly minBidUsdPerHour: number | null;
  /** 0..1, Vast's own estimate. */
  readonly reliability: number;
  readonly isVerified: boolean;
  readonly isDatacenter: boolean;
  readonly isRentable: boolean;
  readonly isRented: boolean;
  readonly isExternal: boolean;
  /** Two capital letters, or null where the listing does not say. */
  readonly country: string | null;
  readonly downloadMbps: number;
  readonly uploadMbps: number;
  /** Disk that can be rented, GB. */
  readonly diskGb: number;
  readonly diskMbPerSecond: number;
  /** Ports that can be forwarded; 0 means the model could never be reached. */
  readonly directPortCount: number;
  /** Highest CUDA the driver supports, such as 12.8. */
  readonly cudaMax: number;
  /** Such as 8.9; 12.0 is Blackwell. */
  readonly computeCapability: number;
  /** Major version of the NVIDIA driver, 0 where unknown. */
  readonly driverMajor: number;
  readonly cpuArch: string;
  /** Seconds from the search until the listing ends; a rental cannot outlive it. */
  readonly availableSeconds: number;
};
