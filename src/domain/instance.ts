/** What an accepted offer became, in our units. Nearly everything may be missing: the machine reports late, or never. */
export type Instance = {
  readonly instanceId: number;
  /** The label set on it, which people can change in the console. */
  readonly label: string | null;
  /** `LEASH_LABEL` from its environment, which nobody can change: ours is what carries either. */
  readonly labelFromEnvironment: string | null;
  readonly machineId: number | null;
  readonly gpuName: string | null;
  readonly gpuCount: number | null;
  readonly gpuRamMib: number | null;
  /** What the machine reports: null (nothing yet), created, loading, running, exited, offline, unknown, … */
  readonly actualStatus: string | null;
  /** What the renter asked for: running or stopped. Vast flips it to stopped when it gives up. */
  readonly intendedStatus: string | null;
  readonly currentState: string | null;
  readonly nextState: string | null;
  readonly statusMessage: string | null;
  /** Trimmed; may change while it runs. */
  readonly publicIp: string | null;
  /** External port by container port, e.g. `{ '8000/tcp': 37708 }`; empty until it runs. */
  readonly hostPorts: Readonly<Record<string, number>>;
  /** Contract start, epoch ms. */
  readonly startedAtMs: number | null;
  /** When the listing ends and the instance is stopped, epoch ms. */
  readonly endsAtMs: number | null;
  readonly uptimeMs: number | null;
  /** GPUs and disk together; moves when the host's price increase is accepted. */
  readonly usdPerHour: number | null;
  readonly gpuUsdPerHour: number | null;
  readonly storageUsdPerHour: number | null;
  readonly downloadUsdPerGb: number | null;
  readonly uploadUsdPerGb: number | null;
  readonly downloadBilledMb: number | null;
  readonly uploadBilledMb: number | null;
  readonly isBid: boolean;
  readonly diskGb: number | null;
  /** Of its GPUs, as its host reports them. */
  readonly gpuUtilPercent: number | null;
  readonly gpuTempC: number | null;
};

/** Every label it carries: the visible one and the one in its environment, which differ once somebody changed the first. */
export function labelsOf(instance: Instance): string[] {
  return [instance.label, instance.labelFromEnvironment].filter((label): label is string => label !== null);
}

/** `http(s)://` is left to the caller: host and external port of the model server, or null until both are known. */
export function addressOf(instance: Instance, containerPort = 8000): { host: string; port: number } | null {
  const port = instance.hostPorts[`${containerPort}/tcp`];
  if (instance.publicIp === null || instance.publicIp === '' || port === undefined) return null;
  return { host: instance.publicIp, port };
}
