import { z } from 'zod';
import { SPENDING_DIMENSIONS } from '../domain/gateway-costs.ts';

const DAY_OR_MOMENT = 'a day such as 2026-03-31, or a moment such as 2026-03-31T12:00:00Z';
export const dayOrMoment = z
  .string(DAY_OR_MOMENT)
  .refine((text) => isDay(text) || z.iso.datetime({ offset: true }).safeParse(text).success, DAY_OR_MOMENT);

export const costsQuery = z
  .strictObject({
    from: dayOrMoment.optional().describe('30 days before `to` when left out'),
    to: dayOrMoment.optional().describe('Now when left out; a day means through its end'),
    by: z
      .enum(SPENDING_DIMENSIONS, `one of ${SPENDING_DIMENSIONS.join(', ')}`)
      .default('session')
      .describe('What is summed: a line for each of these'),
    format: z.enum(['json', 'csv'], 'json or csv').optional().describe('Decided by Accept when left out'),
  })
  .refine(isBefore, { path: ['from'], error: 'a moment before `to`' });

const DAY_MS = 86_400_000;

/** Whether a span that is named at both ends has anything in it. */
export function isBefore({ from, to }: { from?: string | undefined; to?: string | undefined }): boolean {
  return from === undefined || to === undefined || startOf(from) < endOf(to);
}

export function startOf(text: string): number {
  return Date.parse(text);
}

/** A day means through its end. */
export function endOf(text: string): number {
  return Date.parse(text) + (isDay(text) ? DAY_MS : 0);
}

function isDay(text: string): boolean {
  return z.iso.date().safeParse(text).success;
}
