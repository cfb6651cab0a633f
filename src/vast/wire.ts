import { isIPv4 } from 'node:net';
import { z } from 'zod';
import type { Instance } from '../domain/instance.ts';
import { isPlausiblePublicIp } from './public-ip.ts';
import { flag, id, number, text } from './wire-values.ts';

/** The one name of an instance's environment that is kept; the rest of it holds secrets. */
export const LABEL_VARIABLE = 'LEASH_LABEL';

/** Vast prices storage by the month of 30 days. */
const HOURS_PER_MONTH = 720;

/**
 * An instance in our units, or null for a row that does not even say which instance it is.
 *
 * What is not named here does not get in: `extra_env` (but for our label), `onstart`, `jupyter_token` and
 * `instance_api_key` are secrets, and results of activities are stored where many can read them.
 */
export function toInstance(row: unknown, { apiUrl }: { apiUrl: string }): Instance | null {
  const parsed = InstanceRow.safeParse(row);
  if (!parsed.success) return null;
  const wire = parsed.data;
  return {
    instanceId: wire.id,
    label: presentOf(wire.label),
    labelFromEnvironment: labelOf(wire.extra_env),
    machineId: wire.machine_id,
    gpuName: wire.gpu_name,
    gpuCount: wire.num_gpus,
    gpuRamMib: wire.gpu_ram,
    actualStatus: wire.actual_status,
    intendedStatus: wire.intended_status,
    currentState: wire.cur_state,
    nextState: wire.next_state,
    statusMessage: wire.status_msg,
    publicIp: publicIpOf(wire.public_ipaddr, apiUrl),
    hostPorts: hostPortsOf(wire.ports),
    startedAtMs: scaled(wire.start_date, 1_000),
    endsAtMs: scaled(wire.end_date, 1_000),
    uptimeMs: scaled(wire.uptime_mins, 60_000),
    usdPerHour: wire.dph_total,
    gpuUsdPerHour: wire.dph_base,
    storageUsdPerHour: wire.storage_total_cost ?? storagePriceOf(wire.storage_cost, wire.disk_space),
    downloadUsdPerGb: wire.inet_down_cost,
    uploadUsdPerGb: wire.inet_up_cost,
    downloadBilledMb: wire.inet_down_billed,
    uploadBilledMb: wire.inet_up_billed,
    isBid: wire.is_bid ?? false,
    diskGb: wire.disk_space,
    gpuUtilPercent: wire.gpu_util,
    gpuTempC: wire.gpu_temp,
  };
}

const InstanceRow = z.object({
  id,
  label: text,
  extra_env: z.unknown().optional(),
  machine_id: number,
  gpu_name: text,
  num_gpus: number,
  gpu_ram: number,
  actual_status: text,
  intended_status: text,
  cur_state: text,
  next_state: text,
  status_msg: text,
  public_ipaddr: text,
  ports: z.unknown().optional(),
  start_date: number,
  end_date: number,
  uptime_mins: number,
  dph_total: number,
  dph_base: number,
  storage_cost: number,
  storage_total_cost: number,
  inet_down_cost: number,
  inet_up_cost: number,
  inet_down_billed: number,
  inet_up_billed: number,
  is_bid: flag,
  disk_space: number,
  gpu_util: number,
  gpu_temp: number,
});

/** A list of `[name, value]` pairs; an object in older answers. */
function labelOf(environment: unknown): string | null {
  if (typeof environment !== 'object' || environment === null) return null;
  const pairs: unknown[] = Array.isArray(environment) ? environment : Object.entries(environment);
  for (const pair of pairs) {
    if (Array.isArray(pair) && pair[0] === LABEL_VARIABLE && typeof pair[1] === 'string')
      return presentOf(pair[1]);
  }
  return null;
}

function presentOf(value: string | null): string | null {
  return value === null || value === '' ? null : value;
}

/** Comes with white space around it; may be the host's private address. */
function publicIpOf(value: string | null, apiUrl: string): string | null {
  const ip = value?.trim() ?? '';
  return ip !== '' && isPlausiblePublicIp(ip, { apiUrl }) ? ip : null;
}

const PortEntry = z.object({ HostIp: text, HostPort: number.pipe(z.int().min(1).max(65_535)) });

/** Docker's map: `{"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "37708"}, …]}`. What cannot be read is not mapped. */
function hostPortsOf(ports: unknown): Record<string, number> {
  const mapped: Record<string, number> = {};
  if (typeof ports !== 'object' || ports === null || Array.isArray(ports)) return mapped;
  for (const [containerPort, bindings] of Object.entries(ports)) {
    if (!Array.isArray(bindings)) continue;
    const entries = bindings
      .map((binding) => PortEntry.safeParse(binding))
      .flatMap((read) => (read.success ? [read.data] : []));
    const entry = entries.find(({ HostIp }) => isIPv4(HostIp ?? '')) ?? entries[0];
    if (entry) mapped[containerPort] = entry.HostPort;
  }
  return mapped;
}

function storagePriceOf(usdPerGbMonth: number | null, diskGb: number | null): number | null {
  return usdPerGbMonth === null || diskGb === null ? null : (usdPerGbMonth * diskGb) / HOURS_PER_MONTH;
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : Math.round(value * factor);
}
