import { existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CALLS, type Call } from './fault-kinds.ts';

export const MOMENTS = ['before', 'after', 'replied'] as const;
export type Moment = (typeof MOMENTS)[number];

/** Signals a process at a moment of a call, so that the product needs no crash hook of its own. */
export type Trigger = {
  readonly call: Call;
  readonly moment: Moment;
  readonly skip: number;
  readonly signal: { readonly pid: number; readonly name: NodeJS.Signals };
};

const SIGNALS = Object.keys(constants.signals) as [NodeJS.Signals, ...NodeJS.Signals[]];

export const TriggerRequest = z.strictObject({
  call: z.enum(CALLS),
  moment: z.enum(MOMENTS),
  skip: z.number().int().min(0).default(0),
  signal: z.strictObject({
    pid: z
      .number()
      .int()
      .superRefine((pid, context) => {
        const problem = problemOfPid(pid);
        if (problem !== null) context.addIssue({ code: 'custom', message: problem });
      }),
    name: z.enum(SIGNALS).default('SIGKILL'),
  }),
});

/** Each trigger fires once. */
export class Triggers {
  #armed: { call: Call; moment: Moment; skip: number; signal: Trigger['signal'] }[] = [];

  add(trigger: Trigger): void {
    this.#armed.push({ ...trigger });
  }

  clear(): void {
    this.#armed = [];
  }

  list(): readonly Trigger[] {
    return this.#armed.map((trigger) => ({ ...trigger }));
  }

  /** Fires what is armed for this moment; true when something was signalled. */
  async fire(call: Call, moment: Moment): Promise<boolean> {
    const due = this.#armed.filter((trigger) => {
      if (trigger.call !== call || trigger.moment !== moment) return false;
      if (trigger.skip === 0) return true;
      trigger.skip -= 1;
      return false;
    });
    if (due.length === 0) return false;
    this.#armed = this.#armed.filter((trigger) => !due.includes(trigger));
    for (const { signal } of due) send(signal);
    // The signal is delivered, and the connection of a killed process closed, before the call goes on.
    await delay(DELIVERY_MS);
    return true;
  }
}

const DELIVERY_MS = 100;

function send({ pid, name }: Trigger['signal']): void {
  if (problemOfPid(pid) !== null) return;
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself in the meantime.
  }
}

/** Why a process may not be signalled; null when it may. Never a group, never ourselves, never another user's. */
function problemOfPid(pid: number): string | null {
  if (pid < 2) return 'must be the id of one process';
  if (pid === process.pid) return 'is the simulator itself';
  try {
    process.kill(pid, 0);
  } catch {
    return 'no process of this user has that id';
  }
  const directory = `/proc/${pid}`;
  const user = process.getuid?.();
  // A superuser may signal anybody's: the owner is looked up where the system shows it.
  if (user !== undefined && existsSync(directory) && statSync(directory).uid !== user) {
    return 'belongs to another user';
  }
  return null;
}
