import type { FastifyPluginAsync } from 'fastify';
import type { Sessions } from '../client.ts';
import type { Config } from '../config.ts';
import { Problem } from '../domain/problem.ts';
import type { Tier } from '../domain/tier.ts';
import { parseInput } from './input.ts';
import { offersFields, offersQuery } from './offers-query.ts';
import { describeCall } from './openapi.ts';
import { offersAnswer, planAnswer } from './plan-answers.ts';
import { toSessionRequest } from './present.ts';
import { presentOffers, presentPlan } from './present-plan.ts';
import { launchBody, launchBodyWithin } from './schema.ts';

type Deps = { readonly sessions: Sessions; readonly config: Config; readonly tiers: readonly Tier[] };

/** `/api/admin/offers` and `/api/admin/plan`: what a launch would choose and cost. They rent nothing. */
export const offersRoutes =
  ({ sessions, config, tiers }: Deps): FastifyPluginAsync =>
  async (app) => {
    const launchable = launchBodyWithin({ budgetUsdMax: config.VASTAI_SESSION_BUDGET_LIMIT });

    app.get('/offers', { schema: OFFERS }, async (request) => {
      const { query } = parseInput({ query: { schema: offersQuery, given: request.query } });
      const { tier, explain, limit, after, ...fields } = query;
      const { body } = parseInput({ body: { schema: launchable, given: fields } });
      const asked = toSessionRequest(body, config, pickTiers(tiers, tier));
      const plan = await sessions.plan({ call: 'offers', request: asked });
      const names = tiers.map(({ name }) => name);
      return presentOffers(plan, {
        afterRank: Number(after ?? 0),
        limit,
        isExplained: explain,
        tiers: names,
      });
    });

    app.post('/plan', { schema: PLAN }, async (request) => {
      const given = request.body === undefined ? {} : request.body;
      const { body } = parseInput({ body: { schema: launchable, given } });
      const asked = toSessionRequest(body, config, tiers);
      return presentPlan(await sessions.plan({ call: 'plan', request: asked }), asked);
    });
  };

/** The tiers of these names, all of them without any; a name that there is not is refused. */
function pickTiers(tiers: readonly Tier[], names: readonly string[]): readonly Tier[] {
  if (names.length === 0) return tiers;
  const isNamed = ({ name }: Tier, given: string) => name.toLowerCase() === given.toLowerCase();
  const unknown = names.filter((given) => !tiers.some((tier) => isNamed(tier, given)));
  if (unknown.length > 0) {
    const allowed = `one of ${tiers.map(({ name }) => name).join(', ')}`;
    const problems = unknown.map((given) => ({ field: 'tier', given, allowed }));
    throw new Problem('invalid', `There is no tier ${unknown.join(', ')}: ${allowed}`, { problems });
  }
  return tiers.filter((tier) => names.some((given) => isNamed(tier, given)));
}

const OFFERS = describeCall({
  summary: 'Offers that a launch would choose from, best first; lists are separated by commas',
  query: offersFields,
  answers: { 200: { is: 'A page of offers', schema: offersAnswer } },
});

const PLAN = describeCall({
  summary: 'What a launch would rent and cost, and what would stop it; rents nothing',
  body: launchBody,
  answers: { 200: { is: 'The plan', schema: planAnswer } },
});
