import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Sessions } from '../client.ts';
import { type CostDimension, groupCosts, sumOf } from '../domain/costs.ts';
import { Problem } from '../domain/problem.ts';
import { type CostsAnswer, costsAnswer } from './answers.ts';
import { costsCsv } from './costs-csv.ts';
import { costsQuery, endOf, startOf } from './costs-query.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { presentCosts } from './present-costs.ts';

const DAY_MS = 86_400_000;
const USUAL_DAYS = 30;

/** `/api/admin/costs`: what was spent, by session, GPU, day, part of the bill or provider; open sessions as so far. */
export const costsRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/costs', { schema: COSTS }, async (request, reply) => {
      const { query } = parseInput({ query: { schema: costsQuery, given: request.query } });
      const span = spanOf(query, Date.now());
      const answer = await readAnswer(sessions, { by: query.by, ...span });
      return wantsCsv(request, query.format) ? sendCsv(reply, answer) : answer;
    });
  };

async function readAnswer(
  sessions: Sessions,
  asked: { by: CostDimension; fromMs: number; toMs: number },
): Promise<CostsAnswer> {
  const { lines, receipts, unread, isCut } = await sessions.costs({ fromMs: asked.fromMs, toMs: asked.toMs });
  if (isCut) {
    throw new Problem('invalid', 'That span holds more instances than one answer: ask for a shorter one.', {
      problems: [{ field: 'from', given: new Date(asked.fromMs).toISOString(), allowed: 'a later moment' }],
    });
  }
  const groups = groupCosts(lines, asked.by);
  return presentCosts({ ...asked, groups, total: sumOf(lines), receipts, unread });
}

/** Left out, thirty days until now. */
function spanOf(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  nowMs: number,
): { fromMs: number; toMs: number } {
  const toMs = to === undefined ? nowMs : endOf(to);
  return { fromMs: from === undefined ? toMs - USUAL_DAYS * DAY_MS : startOf(from), toMs };
}

function wantsCsv(request: FastifyRequest, format: 'json' | 'csv' | undefined): boolean {
  if (format !== undefined) return format === 'csv';
  return /\btext\/csv\b/i.test(request.headers.accept ?? '');
}

function sendCsv(reply: FastifyReply, answer: CostsAnswer): FastifyReply {
  return reply
    .type('text/csv; charset=utf-8')
    .header('content-disposition', `attachment; filename="leash-costs-by-${answer.by}.csv"`)
    .serializer((text: unknown) => String(text))
    .send(costsCsv(answer));
}

const COSTS = describeCall({
  summary: 'What was spent, in sums; `format=csv` or `Accept: text/csv` answers a table',
  query: costsQuery,
  answers: { 200: { is: 'The sums and their total', schema: costsAnswer } },
});
