import type { Call, CallFault, MachineFault } from './fault-kinds.ts';
import type { Applied, CallFaults, Subject } from './faults.ts';
import { type Random, seededRandom } from './random.ts';

export const PROFILES = ['calm', 'flaky', 'hostile'] as const;
export type ProfileName = (typeof PROFILES)[number];

/** How a market misbehaves by itself. */
export type Profile = {
  readonly name: ProfileName;
  faultsOfCall(call: Call, subject: Subject): CallFaults;
  faultsOfInstance(instance: { id: number; machineId: number; isBid: boolean }): Applied<MachineFault>[];
};

/**
 * A seeded profile. The n-th call of a kind meets the same fault in every run of a seed, and a bad machine is bad
 * the same way for each of its instances: that is what remembering machines is for.
 */
export function makeProfile(name: ProfileName, seed: number, timeScale: number): Profile {
  const { calls, machines, instances } = CHANCES[name];
  const callsMade = new Map<Call, number>();
  return {
    name,
    faultsOfCall(call, subject) {
      const made = (callsMade.get(call) ?? 0) + 1;
      callsMade.set(call, made);
      const random = seededRandom(seed, name, call, made);
      if (calls === 0 || !random.chance(calls)) return NO_FAULTS;
      return faultsFor(call, subject, random);
    },
    faultsOfInstance({ id, machineId, isBid }) {
      const ofMachine = seededRandom(seed, name, 'machine', machineId);
      if (ofMachine.chance(machines)) return [{ fault: ofMachine.pick(HOST_FAULTS), seconds: null }];
      const ofInstance = seededRandom(seed, name, 'instance', id);
      if (!ofInstance.chance(instances)) return [];
      const fault = ofInstance.pick(isBid ? [...INSTANCE_FAULTS, 'outbid' as const] : INSTANCE_FAULTS);
      return [{ fault, seconds: ofInstance.between(60, 1800) / timeScale }];
    },
  };
}

/** Share of calls that go wrong, of machines that are bad for good, and of instances that fail later on. */
const CHANCES: Record<ProfileName, { calls: number; machines: number; instances: number }> = {
  calm: { calls: 0, machines: 0, instances: 0 },
  flaky: { calls: 0.06, machines: 0.08, instances: 0.05 },
  hostile: { calls: 0.2, machines: 0.4, instances: 0.15 },
};

const NO_FAULTS: CallFaults = { refusal: null, changes: [], spoiled: null };

/** What is wrong with bad hosts. The caller's own mistakes (image, model, flags) are not a host's to make. */
const HOST_FAULTS: readonly MachineFault[] = [
  'stuck-loading',
  'cdi-error',
  'cdi-error',
  'oci-error',
  'driver-too-old',
  'port-missing',
  'port-unreachable',
  'vllm-never-ready',
  'health-only',
  'exits',
  'overcharged',
];

const INSTANCE_FAULTS: readonly MachineFault[] = [
  'offline',
  'vllm-dies',
  'vllm-flaps',
  'exits',
  'stopped-by-provider',
];

/** Refusals of the whole account (no credit, quota) end sessions by design: they are left to scripts. */
const TRANSPORT: readonly CallFault[] = [
  'too-many',
  'too-many',
  'server-error',
  'server-error',
  'reply-lost-before',
  'reply-lost-after',
  'slow-reply',
  'not-json',
];

const OWN_FAULTS: Partial<Record<Call, readonly CallFault[]>> = {
  create: ['offer-gone', 'offer-gone', 'refused-with-contract', 'listed-late', 'never-listed', 'late'],
  list: ['omitted-once', 'omitted-once', 'page-fails'],
  show: ['auth-error'],
  destroy: ['destroy-lingers', 'destroy-refused', 'late'],
};

function faultsFor(call: Call, subject: Subject, random: Random): CallFaults {
  const own = OWN_FAULTS[call] ?? [];
  const fault = own.length > 0 && random.chance(0.45) ? random.pick(own) : random.pick(TRANSPORT);
  const one: Applied<CallFault> = { fault, seconds: secondsOf(fault, random) };
  switch (fault) {
    case 'page-fails':
      return subject.isLaterPage ? { ...NO_FAULTS, refusal: one } : NO_FAULTS;
    case 'refused-with-contract':
    case 'listed-late':
    case 'never-listed':
    case 'omitted-once':
    case 'destroy-lingers':
      return { ...NO_FAULTS, changes: [one] };
    case 'reply-lost-after':
    case 'slow-reply':
    case 'late':
    case 'not-json':
      return { ...NO_FAULTS, spoiled: one };
    default:
      return { ...NO_FAULTS, refusal: one };
  }
}

function secondsOf(fault: CallFault, random: Random): number | null {
  if (fault === 'slow-reply' || fault === 'late') return random.between(1, 8);
  if (fault === 'listed-late') return random.between(1, 20);
  if (fault === 'destroy-lingers') return random.between(2, 20);
  return null;
}
