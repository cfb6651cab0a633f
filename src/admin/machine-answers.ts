import { z } from 'zod';

/** What is remembered of machines, in the words of the wire. */
const time = z.iso.datetime();

export const MACHINE_STANDINGS = ['avoided', 'doubtful', 'proven'] as const;

export const machineAnswer = z.object({
  machine_id: z.number(),
  standing: z
    .enum(MACHINE_STANDINGS)
    .describe('avoided: not rented now; doubtful: failed last, and scores less; proven: served last'),
  avoided_until: time.nullable(),
  score_factor: z.number().describe('The factor `memory` of its score: 0 to 1; 0.5 where nothing is known'),
  times_ready: z.int(),
  hours_served: z.number(),
  last_ready_at: time.nullable(),
  last_seen_at: time,
  failures: z
    .array(
      z.object({
        kind: z.string(),
        message: z.string().describe('What it means'),
        at: time,
        label: z.string().describe('Of the attempt that failed'),
        avoided_until: time.nullable().describe('Null where it only lowers the score'),
      }),
    )
    .describe('Newest first'),
});

export const machinesAnswer = z.object({
  items: z.array(machineAnswer).describe('Avoided ones first, then by when they were last seen'),
  next: z.string().nullable().describe('Give it back as `after` for what follows; null at the end'),
  total: z.int().describe('So many match'),
});

export const machineForgottenAnswer = z.object({ machine_id: z.number(), forgotten: z.boolean() });

export type MachineAnswer = z.output<typeof machineAnswer>;
export type MachinesAnswer = z.output<typeof machinesAnswer>;
