import type { Meter } from './books.ts';
import type { MachineFault } from './fault-kinds.ts';

/** What the machine says of the container; null until it has said anything. */
export type ActualStatus =
  | null
  | 'loading'
  | 'created'
  | 'running'
  | 'stopped'
  | 'exited'
  | 'rebooting'
  | 'recycling'
  | 'offline';

export type Intent = 'running' | 'stopped';
export type Reply = 'sent' | 'lost' | 'slow';
export type DestroyedBy = 'account' | 'instance' | 'host' | 'credit';

export type PublishedPort = { readonly containerPort: number; readonly protocol: 'tcp' | 'udp' };

/** One thing that will happen to a contract by itself, at an epoch second. */
export type Pending = {
  readonly what: LifeEvent;
  readonly at: number;
  /** Which one, where a fault is what happens. */
  readonly fault: MachineFault | null;
};

export type LifeEvent =
  | 'report'
  | 'pulled'
  | 'start'
  | 'give-up'
  | 'halt'
  | 'fault'
  | 'return'
  | 'listing-ends'
  | 'credit-grace-ends'
  | 'gone';

/** What a renter asked for, as the create call said it. */
export type ContractOrder = {
  readonly label: string | null;
  readonly image: string;
  readonly onstart: string | null;
  readonly args: readonly string[];
  /** As sent: variables and `-p 8000:8000` entries side by side. */
  readonly env: readonly (readonly [string, string])[];
  readonly runtype: string;
  readonly diskGb: number;
  /** $/h for the whole offer; null is on demand. */
  readonly bid: number | null;
  readonly target: Intent;
  readonly templateHash: string | null;
};

/**
 * One rented offer: what the real service calls a contract and shows as an instance. Times are epoch seconds.
 *
 * 1. A contract is never deleted from the books; `destroyedAt` says that it is gone from the API.
 * 2. `meter` is brought up to date before anything that changes a rate (`actual`, prices) is changed.
 */
export type Contract = {
  readonly id: number;
  readonly accountId: number;
  /** Limited to this instance; `CONTAINER_API_KEY` inside. */
  readonly key: string;
  readonly machineId: number;
  readonly sliceKey: string;
  readonly offerId: number;
  readonly gpuCount: number;
  readonly order: ContractOrder;
  readonly endDate: number;
  /** False for those of other people, who have no container here. */
  readonly isServed: boolean;
  readonly requestedAt: number;
  readonly createdAt: number;
  label: string | null;
  gpuUsdPerHour: number;
  bid: number | null;

  /** When lists and reads begin to show it; null: never. */
  listedAt: number | null;
  reply: Reply;
  intended: Intent;
  current: Intent;
  next: Intent;
  actual: ActualStatus;
  statusMessage: string | null;
  /** A start that waits for a free GPU. */
  isStartQueued: boolean;
  hasImage: boolean;
  /** When the container began to run: for the first time, and the latest time. */
  runningAt: number | null;
  startedAt: number | null;
  ports: { readonly containerPort: number; readonly protocol: 'tcp' | 'udp'; readonly hostPort: number }[];
  faults: { readonly fault: MachineFault; readonly seconds: number | null }[];
  pending: Pending[];
  /** Counts container starts, so that a late start of an earlier one is dropped. */
  run: number;

  destroyRequestedAt: number | null;
  destroyAcceptedAt: number | null;
  destroyedAt: number | null;
  destroyedBy: DestroyedBy | null;
  billedUntil: number | null;
  meter: Meter;
  /** The meter as the charges show it: they lag. */
  posted: Meter;
};

export function publishedPorts(order: ContractOrder): PublishedPort[] {
  const ports: PublishedPort[] = [];
  for (const [key] of order.env) {
    const match = /^-p\s+(?:\d+:)?(\d+)(?:\/(tcp|udp))?$/.exec(key.trim());
    if (match?.[1] !== undefined) {
      ports.push({ containerPort: Number(match[1]), protocol: match[2] === 'udp' ? 'udp' : 'tcp' });
    }
  }
  const direct = /ssh_direc|jupyter_direc/.test(order.runtype);
  if (direct && !ports.some((port) => port.containerPort === 22)) {
    ports.push({ containerPort: 22, protocol: 'tcp' });
  }
  if (/jupyter_direc/.test(order.runtype)) ports.push({ containerPort: 8080, protocol: 'tcp' });
  return ports.slice(0, 64);
}

/** Environment variables alone, without the docker flags that travel beside them. */
export function variables(order: ContractOrder): Record<string, string> {
  return Object.fromEntries(order.env.filter(([key]) => !key.startsWith('-')));
}

export function hasFault(contract: Contract, fault: MachineFault): boolean {
  return contract.faults.some((each) => each.fault === fault);
}

/** The word for its state on the provider's own books (`/_sim/contracts`). */
export function stateOf(contract: Contract): string {
  if (contract.destroyedAt !== null) return 'destroyed';
  if (contract.destroyAcceptedAt !== null) return 'destroying';
  return contract.actual ?? 'provisioning';
}

export function isAlive(contract: Contract): boolean {
  return contract.destroyedAt === null;
}

/** Its container was being started when the simulator ended: nothing is pending, and it does not run yet. */
export function wasStarting({ actual, hasImage, intended, pending }: Contract): boolean {
  const isBetween = actual === 'created' || actual === 'rebooting' || actual === 'recycling';
  const isAwaited = pending.some(({ what }) => what === 'report' || what === 'pulled' || what === 'start');
  return isBetween && hasImage && intended === 'running' && !isAwaited;
}
