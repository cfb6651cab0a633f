import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { AccessLog } from '../archive/access-log.ts';
import { ACCESS_VERBS, type AccessPlace, type AccessRecord } from '../domain/access.ts';
import { SESSION_NAME } from '../domain/label.ts';
import { Problem } from '../domain/problem.ts';
import { type AccessAnswer, type AccessLogAnswer, accessLogAnswer } from './access-answers.ts';
import { dayOrMoment, endOf, isBefore, startOf } from './costs-query.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';

/** `/api/admin/access-log`: who changed what through this API, and whom it refused. */
export const accessLogRoutes =
  ({ accessLog }: { readonly accessLog: Pick<AccessLog, 'find'> }): FastifyPluginAsync =>
  async (app) => {
    app.get('/access-log', { schema: FIND }, async (request): Promise<AccessLogAnswer> => {
      if (request.caller?.role !== 'admin')
        throw new Problem('forbidden', 'Who did what is for the admin token alone: this is the viewer’s.');
      const { query } = parseInput({ query: { schema: accessLogQuery, given: request.query } });
      const { records, isMore } = await accessLog.find({
        fromMs: query.from === undefined ? null : startOf(query.from),
        toMs: query.to === undefined ? null : endOf(query.to),
        what: query.what ?? null,
        session: query.session ?? null,
        after: query.after ?? null,
        limit: Number(query.limit),
      });
      const last = records.at(-1);
      return {
        items: records.map(present),
        next: isMore && last !== undefined ? `${last.atMs}.${last.id}` : null,
      };
    });
  };

function present({ id: _id, atMs, ...record }: AccessRecord): AccessAnswer {
  return { at: new Date(atMs).toISOString(), ...record };
}

const PLACE = /^([0-9]{1,15})\.([0-9]{10}-[0-9a-f]{12})$/;
const NAME = 'a session name: 1 to 40 of a-z, 0-9 and -, not beginning with -';

const accessLogQuery = z
  .strictObject({
    from: dayOrMoment.optional().describe('From here on'),
    to: dayOrMoment.optional().describe('Until here; a day means through its end'),
    what: z
      .enum(ACCESS_VERBS, `one of ${ACCESS_VERBS.join(', ')}`)
      .optional()
      .describe('Only these calls'),
    session: z.string(NAME).regex(SESSION_NAME, NAME).optional().describe('Only what was about this session'),
    limit: z
      .string()
      .regex(/^([1-9][0-9]{0,2}|1000)$/, 'a whole number from 1 to 1000')
      .default('100')
      .describe('Most items of one answer'),
    after: z.string().regex(PLACE, 'the `next` of the answer before').transform(toPlace).optional(),
  })
  .refine(isBefore, { path: ['from'], error: 'a moment before `to`' });

function toPlace(text: string): AccessPlace {
  const [, atMs, id = ''] = PLACE.exec(text) ?? [];
  return { atMs: Number(atMs), id };
}

const FIND = describeCall({
  summary: 'Who changed what through this API, newest first; kept for 365 days',
  query: accessLogQuery,
  answers: { 200: { is: 'A page of the access log', schema: accessLogAnswer } },
});
