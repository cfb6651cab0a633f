import { z } from 'zod';
import {
  CALL_FAULTS,
  CALLS,
  type Call,
  type CallFault,
  callOf,
  type Fault,
  isMachineFault,
  MACHINE_FAULTS,
  type MachineFault,
  REFUSALS,
  SPOILED_REPLIES,
} from './fault-kinds.ts';
import type { Profile } from './profiles.ts';

/** A scripted fault. `times: 0` holds until cleared; `skip` lets that many matching calls (or instances) pass. */
export type FaultScript = {
  readonly call?: Call | undefined;
  readonly machine_id?: number | undefined;
  readonly label_prefix?: string | undefined;
  readonly fault: Fault;
  readonly times?: number | undefined;
  readonly skip?: number | undefined;
  readonly seconds?: number | undefined;
};

type Scripted = {
  readonly call: Call | null;
  readonly machine_id: number | null;
  readonly label_prefix: string | null;
  readonly fault: Fault;
  times: number;
  skip: number;
  readonly seconds: number | null;
};

/** A fault that applies now. `seconds` is null where the script left it to the fault's own default. */
export type Applied<Kind extends Fault> = {
  readonly fault: Kind;
  readonly seconds: number | null;
  /** What the script was about, for faults that pick one of many instances. */
  readonly about?: About;
};

type About = { readonly machine_id: number | null; readonly label_prefix: string | null };

/** What a call is about, as far as it can be told before it is processed. */
export type Subject = {
  /** The instance to be made, named or listed by it. */
  instances(): readonly { readonly label: string | null; readonly machineId: number }[];
  /** Asks for a page after the first. */
  readonly isLaterPage: boolean;
};

export type CallFaults = {
  /** Answers instead of the service. */
  readonly refusal: Applied<CallFault> | null;
  /** Changes what processing does; any number at once. */
  readonly changes: readonly Applied<CallFault>[];
  /** Spoils the answer. */
  readonly spoiled: Applied<CallFault> | null;
};

/** Faults in force: scripted ones first, then what the profile throws in. */
export class Faults {
  #scripts: Scripted[] = [];
  readonly #profile: Profile;

  constructor(profile: Profile, scripts: readonly FaultScript[] = []) {
    this.#profile = profile;
    this.add(scripts);
  }

  add(scripts: readonly FaultScript[]): void {
    for (const script of scripts) this.#scripts.push(toScripted(script));
  }

  clear(): void {
    this.#scripts = [];
  }

  list(): readonly Readonly<Scripted>[] {
    return this.#scripts.map((script) => ({ ...script }));
  }

  /** The faults of one call; using one up is part of asking. */
  ofCall(call: Call, subject: Subject): CallFaults {
    const scripts = this.#scripts.filter((script) => matchesCall(script, call, subject));
    const refusal = this.#firstOf(scripts, REFUSALS);
    if (refusal !== null) return { refusal, changes: [], spoiled: null };
    const changes = scripts
      .filter(
        (script) =>
          !SPOILED_REPLIES.has(script.fault as CallFault) && !REFUSALS.has(script.fault as CallFault),
      )
      .filter((script) => this.#use(script))
      .map(applied<CallFault>);
    const spoiled = this.#firstOf(scripts, SPOILED_REPLIES);
    if (changes.length > 0 || spoiled !== null) return { refusal: null, changes, spoiled };
    return this.#profile.faultsOfCall(call, subject);
  }

  /** The faults that the next instance on a machine will have. */
  ofInstance(instance: {
    id: number;
    machineId: number;
    label: string | null;
    isBid: boolean;
  }): Applied<MachineFault>[] {
    const scripted = this.#scripts
      .filter((script) => isMachineFault(script.fault))
      .filter((script) => isAbout(script, instance))
      .filter((script) => this.#use(script))
      .map(applied<MachineFault>);
    return scripted.length > 0 ? scripted : this.#profile.faultsOfInstance(instance);
  }

  #firstOf(scripts: readonly Scripted[], kinds: ReadonlySet<CallFault>): Applied<CallFault> | null {
    const script = scripts.find((each) => kinds.has(each.fault as CallFault) && this.#use(each));
    return script ? applied<CallFault>(script) : null;
  }

  /** True when the script applies this time. */
  #use(script: Scripted): boolean {
    if (script.skip > 0) {
      script.skip -= 1;
      return false;
    }
    if (script.times === 1) this.#scripts = this.#scripts.filter((each) => each !== script);
    else if (script.times > 1) script.times -= 1;
    return true;
  }
}

const Script = z
  .strictObject({
    call: z.enum(CALLS).optional(),
    machine_id: z.number().int().optional(),
    label_prefix: z.string().optional(),
    fault: z.enum<readonly Fault[]>([...CALL_FAULTS, ...MACHINE_FAULTS]),
    times: z.number().int().min(0).optional(),
    skip: z.number().int().min(0).optional(),
    seconds: z.number().min(0).optional(),
  })
  .superRefine(({ fault, call }, context) => {
    if (isMachineFault(fault)) {
      if (call !== undefined) {
        context.addIssue({
          code: 'custom',
          path: ['call'],
          message: `${fault} is a fault of machines, not of calls`,
        });
      }
      return;
    }
    const only = callOf(fault);
    if (only !== null && call !== undefined && call !== only) {
      context.addIssue({ code: 'custom', path: ['call'], message: `${fault} is a fault of ${only} alone` });
    }
  });

export const FaultRequest = z.strictObject({
  clear: z.literal(true).optional(),
  add: z.array(Script).optional(),
});

function toScripted(script: FaultScript): Scripted {
  return {
    call: script.call ?? (isMachineFault(script.fault) ? null : callOf(script.fault)),
    machine_id: script.machine_id ?? null,
    label_prefix: script.label_prefix ?? null,
    fault: script.fault,
    times: script.times ?? 1,
    skip: script.skip ?? 0,
    seconds: script.seconds ?? null,
  };
}

function applied<Kind extends Fault>({ fault, seconds, machine_id, label_prefix }: Scripted): Applied<Kind> {
  return { fault: fault as Kind, seconds, about: { machine_id, label_prefix } };
}

function matchesCall(script: Scripted, call: Call, subject: Subject): boolean {
  if (isMachineFault(script.fault)) return false;
  if (script.call !== null && script.call !== call) return false;
  if (script.fault === 'page-fails' && !subject.isLaterPage) return false;
  const isAboutAny = script.machine_id === null && script.label_prefix === null;
  // There must be something to leave out.
  if (isAboutAny && script.fault !== 'omitted-once') return true;
  return subject.instances().some((instance) => isAbout(script, instance));
}

/** Whether an instance is one that a script is about. */
export function isAbout(about: About, instance: { label: string | null; machineId: number }): boolean {
  if (about.machine_id !== null && about.machine_id !== instance.machineId) return false;
  return about.label_prefix === null || (instance.label ?? '').startsWith(about.label_prefix);
}
