import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Sessions } from '../client.ts';
import { groupSpending, type SpendingDimension, sumSpending } from '../domain/gateway-costs.ts';
import { Problem } from '../domain/problem.ts';
import type { KeyBook } from '../gateway/keys/keys.ts';
import type { Metering } from '../gateway/metering.ts';
import { type CostsAnswer, costsAnswer } from './answers.ts';
import { costsCsv } from './costs-csv.ts';
import { costsQuery, endOf, startOf } from './costs-query.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { presentCosts } from './present-costs.ts';

const DAY_MS = 86_400_000;
const USUAL_DAYS = 30;

type CostsDeps = {
  readonly sessions: Sessions;
  readonly keys: Pick<KeyBook, 'list'>;
  readonly metering: Pick<Metering, 'usage'>;
};

/** `/api/admin/costs`: what was spent, by rental, day, provider, model or key; open sessions as so far. */
export const costsRoutes =
  (deps: CostsDeps): FastifyPluginAsync =>
  async (app) => {
    app.get('/costs', { schema: COSTS }, async (request, reply) => {
      const { query } = parseInput({ query: { schema: costsQuery, given: request.query } });
      const span = spanOf(query, Date.now());
      const answer = await readAnswer(deps, { by: query.by, ...span });
      return wantsCsv(request, query.format) ? sendCsv(reply, answer) : answer;
    });
  };

async function readAnswer(
  { sessions, keys, metering }: CostsDeps,
  asked: { by: SpendingDimension; fromMs: number; toMs: number },
): Promise<CostsAnswer> {
  const span = { fromMs: asked.fromMs, toMs: asked.toMs };
  const [costs, usage, names] = await Promise.all([
    sessions.costs(span),
    metering.usage(span),
    asked.by === 'key' ? namesOf(keys) : new Map<string, string>(),
  ]);
  const { lines, receipts, unread } = costs;
  if (costs.isCut || usage.isCut) {
    throw new Problem('invalid', 'That span holds more than one answer: ask for a shorter one.', {
      problems: [{ field: 'from', given: new Date(asked.fromMs).toISOString(), allowed: 'a later moment' }],
    });
  }
  const groups = groupSpending({ lines, usage: usage.rows, by: asked.by });
  const named = groups.map((group) => ({ ...group, key: names.get(group.key) ?? group.key }));
  return presentCosts({ ...asked, groups: named, total: sumSpending(lines, usage.rows), receipts, unread });
}

/** A name may have been given twice: the id goes with that of a key which is revoked. */
async function namesOf(keys: Pick<KeyBook, 'list'>): Promise<Map<string, string>> {
  const listed = await keys.list();
  return new Map(
    listed.map(({ id, name, revokedAtMs }) => [id, revokedAtMs === null ? name : `${name} (${id})`]),
  );
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
