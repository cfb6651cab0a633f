import type { FastifyPluginAsync } from 'fastify';
import type { ReapReport, Sessions } from '../client.ts';
import { type ReapAnswer, reapAnswer } from './answers.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { reapBody } from './schema.ts';

/** `/api/admin/reap`: the reaper, now, and what it found. */
export const reapRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.post('/reap', { schema: REAP }, async (request) => {
      const { body } = parseInput({ body: { schema: reapBody, given: request.body ?? {} } });
      return presentReap(await sessions.reap({ dryRun: body.dry_run, owner: body.owner ?? null }));
    });
  };

function presentReap({ found, destroyed, left, dryRun, expiredOfOthers, idle = [] }: ReapReport): ReapAnswer {
  const present = ({ instanceId, label, why }: ReapReport['left'][number]) => ({
    instance_id: instanceId,
    label,
    why,
  });
  return {
    found,
    destroyed: destroyed.map(present),
    left: left.map(present),
    dry_run: dryRun,
    expired_of_others: expiredOfOthers.map(({ instanceId, label, usdPerHour }) => ({
      instance_id: instanceId,
      label,
      usd_per_hour: usdPerHour,
    })),
    idle: idle.map(({ kind, id, label, usdPerHour }) => ({ kind, id, label, usd_per_hour: usdPerHour })),
  };
}

const REAP = describeCall({
  summary: 'Destroy what carries our label and belongs to no open session',
  body: reapBody,
  answers: { 200: { is: 'What was found, destroyed and left', schema: reapAnswer } },
});
