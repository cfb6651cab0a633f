import { SERVING_FAULTS, type ServingFault } from './backend.ts';

/** The calls that faults and triggers are scripted for. */
export const CALLS = [
  'search',
  'create',
  'list',
  'show',
  'destroy',
  'label',
  'start',
  'stop',
  'logs',
  'user',
  'charges',
  'invoices',
  'volumes',
  'template',
  'endpoint',
  'workergroup',
  'route',
  'worker-status',
  'delete-requests',
  'pubkey',
] as const;
export type Call = (typeof CALLS)[number];

/** Faults of any call. */
export const ANY_CALL_FAULTS = [
  'reply-lost-before',
  'reply-lost-after',
  'slow-reply',
  'late',
  'too-many',
  'server-error',
  'not-json',
  'auth-error',
] as const;

/** Faults that only make sense for one call. */
export const ONE_CALL_FAULTS = {
  'offer-gone': 'create',
  'no-credit': 'create',
  'spend-rate': 'create',
  'refused-with-contract': 'create',
  'listed-late': 'create',
  'never-listed': 'create',
  'search-quota': 'search',
  'omitted-once': 'list',
  'page-fails': 'list',
  'destroy-lingers': 'destroy',
  'destroy-refused': 'destroy',
} as const satisfies Record<string, Call>;

/** Faults of a machine that the market plays itself; those of the software in it are the backend's. */
export const MARKET_MACHINE_FAULTS = [
  'stuck-loading',
  'cdi-error',
  'oci-error',
  'pull-error',
  'driver-too-old',
  'port-missing',
  'port-unreachable',
  'offline',
  'overcharged',
  'outbid',
  'stopped-by-provider',
] as const;
export const MACHINE_FAULTS = [...MARKET_MACHINE_FAULTS, ...SERVING_FAULTS] as const;

export type CallFault = (typeof ANY_CALL_FAULTS)[number] | keyof typeof ONE_CALL_FAULTS;
export type MachineFault = (typeof MACHINE_FAULTS)[number];
export type Fault = CallFault | MachineFault;

export const CALL_FAULTS: readonly CallFault[] = [
  ...ANY_CALL_FAULTS,
  ...(Object.keys(ONE_CALL_FAULTS) as (keyof typeof ONE_CALL_FAULTS)[]),
];

/** Those that answer instead of the service: nothing is processed. */
export const REFUSALS: ReadonlySet<CallFault> = new Set<CallFault>([
  'reply-lost-before',
  'too-many',
  'server-error',
  'auth-error',
  'offer-gone',
  'no-credit',
  'spend-rate',
  'search-quota',
  'page-fails',
  'destroy-refused',
]);

/** Those that spoil the answer to a call that was processed. */
export const SPOILED_REPLIES: ReadonlySet<CallFault> = new Set<CallFault>([
  'reply-lost-after',
  'slow-reply',
  'late',
  'not-json',
]);

export function isServingFault(fault: MachineFault): fault is ServingFault {
  return (SERVING_FAULTS as readonly string[]).includes(fault);
}

export function isMachineFault(fault: Fault): fault is MachineFault {
  return (MACHINE_FAULTS as readonly string[]).includes(fault);
}

/** The one call a fault belongs to; null: any. */
export function callOf(fault: CallFault): Call | null {
  return fault in ONE_CALL_FAULTS ? ONE_CALL_FAULTS[fault as keyof typeof ONE_CALL_FAULTS] : null;
}
