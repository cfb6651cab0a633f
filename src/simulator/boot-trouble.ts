import { type Contract, hasFault } from './contract.ts';
import type { MachineFault } from './fault-kinds.ts';

/** What an overcharging host makes of the price it listed. */
export const OVERCHARGE = 1.5;

/** Faults that show only after the instance has run for a while. */
export const LATER_FAULTS: ReadonlySet<MachineFault> = new Set<MachineFault>([
  'offline',
  'overcharged',
  'outbid',
  'stopped-by-provider',
]);

/** What the daemon says when the container cannot start; null when it can. */
export function startTrouble(contract: Contract): string | null {
  if (hasFault(contract, 'cdi-error')) {
    return `Error: failed to inject CDI devices: unresolvable CDI devices D.${contract.id}/gpu=0`;
  }
  if (hasFault(contract, 'driver-too-old')) {
    return 'Error response from daemon: OCI runtime create failed: nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver to a newer version, or use an earlier cuda container: unknown';
  }
  if (hasFault(contract, 'oci-error')) {
    return 'Error response from daemon: OCI runtime create failed: runc create failed: unable to start container process: error during container init: unknown';
  }
  return null;
}

/** What the daemon says of an image it cannot find. */
export function pullTrouble(image: string): string {
  return `Error response from daemon: manifest for ${image} not found: manifest unknown: manifest unknown`;
}
