import { z } from 'zod';

/** Versions of the workers, in the words of the wire. */
const versionAnswer = z.object({
  build_id: z.string(),
  status: z
    .enum(['waiting', 'current', 'ramping', 'draining', 'drained'])
    .describe(
      'current: new sessions run on it; waiting: never was; draining: sessions that it began are open; drained: none is',
    ),
  created_at: z.iso.datetime(),
  open_sessions: z.int().describe('That it began: a worker of it has to run until there are none'),
  workers: z.int().describe('Of it, that asked for work lately'),
});

export const versionsAnswer = z.object({
  deployment: z.string().nullable().describe('LEASH_DEPLOYMENT; null where workers have no versions'),
  items: z.array(versionAnswer).describe('Newest first'),
  next: z.null(),
});

export type VersionsAnswer = z.output<typeof versionsAnswer>;
