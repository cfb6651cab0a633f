import type { FastifyPluginAsync } from 'fastify';
import type { Sessions } from '../client.ts';
import { budgetAnswer } from './answers.ts';
import { describeCall } from './openapi.ts';
import { presentBudget } from './present.ts';

/** `/api/admin/budget`: what all sessions together may spend, have spent and hold reserved. */
export const budgetRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/budget', { schema: BUDGET }, async () => presentBudget(await sessions.budget()));
  };

const BUDGET = describeCall({
  summary: 'The budget of this installation',
  answers: { 200: { is: 'The budget', schema: budgetAnswer } },
});
