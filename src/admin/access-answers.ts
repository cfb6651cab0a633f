import { z } from 'zod';
import { ACCESS_VERBS } from '../domain/access.ts';

export { ACCESS_VERBS } from '../domain/access.ts';

export const accessAnswer = z.object({
  at: z.iso.datetime().describe('When it was answered'),
  role: z.enum(['admin', 'viewer']).nullable().describe('Whose token it was; null: nobody we know'),
  by: z.enum(['token', 'cookie']).nullable().describe('What showed it; null: the call brought neither'),
  address: z.string().describe('Where the connection came from: behind a proxy, the proxy'),
  what: z.enum(ACCESS_VERBS),
  session: z.string().nullable(),
  subject: z.string().nullable().describe('What else it was about: a key, hours, a provider, a machine'),
  status: z.int().describe('Of HTTP'),
  problem: z.string().nullable().describe('Kind of the refusal; null where it was done'),
});

export const accessLogAnswer = z.object({
  items: z.array(accessAnswer).describe('Newest first'),
  next: z.string().nullable().describe('Give it back as `after` for what follows; null at the end'),
});

export type AccessAnswer = z.output<typeof accessAnswer>;
export type AccessLogAnswer = z.output<typeof accessLogAnswer>;
