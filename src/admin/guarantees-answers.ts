import { z } from 'zod';

const time = z.iso.datetime();
const maybeTime = time.nullable();
const maybeCount = z.int().nullable();

export const guaranteesAnswer = z.object({
  reaper: z.object({
    last_run_at: maybeTime,
    found: maybeCount.describe('Instances of ours that it found; null before its first run'),
    destroyed: maybeCount,
    left: z.array(
      z.object({
        instance_id: z.number(),
        label: z.string(),
        why: z.string(),
        is_claimed: z.boolean().describe('Whether an open session claims it, so that it is no leftover'),
      }),
    ),
    interval_minutes: z.number().nullable(),
    next_run_at: maybeTime,
  }),
  audit: z.object({
    last_run_at: maybeTime,
    corrected: maybeCount.describe('Entries of the ledger that it corrected'),
    next_run_at: maybeTime,
  }),
  orphans_found_ever: maybeCount.describe('Null while the archive cannot be read'),
  orphans: z
    .array(z.object({ at: time, instance_id: z.number(), label: z.string(), why: z.string() }))
    .describe('The newest hundred of them, newest first'),
  guard: z.object({
    minutes: z.number(),
    is_on: z.boolean(),
    sessions: z.array(
      z.object({
        session: z.string(),
        instance_id: z.number().nullable(),
        last_renewed_at: maybeTime,
        ends_at: maybeTime.describe('When its instance ends itself if nobody renews its lease'),
      }),
    ),
  }),
  unconfirmed: z
    .array(z.object({ session: z.string(), seconds: z.number() }))
    .describe('Sessions whose instance the provider still shows, and for how long after our DELETE'),
});

export type GuaranteesAnswer = z.output<typeof guaranteesAnswer>;
