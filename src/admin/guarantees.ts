import type { FastifyPluginAsync } from 'fastify';
import type { Guarantees, Sessions } from '../client.ts';
import { CLAIMED } from '../domain/reaping.ts';
import { type GuaranteesAnswer, guaranteesAnswer } from './answers.ts';
import { describeCall } from './openapi.ts';
import { instant, seconds, time } from './present.ts';

/** `/api/admin/guarantees`: what keeps the promises, and when it last did. */
export const guaranteesRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/guarantees', { schema: GUARANTEES }, async () =>
      presentGuarantees(await sessions.guarantees()),
    );
  };

function presentGuarantees({ reaper, audit, orphans, guard, unconfirmed }: Guarantees): GuaranteesAnswer {
  return {
    reaper: {
      last_run_at: time(reaper.lastAtMs),
      found: reaper.found,
      destroyed: reaper.destroyed,
      left: reaper.left.map(({ instanceId, label, why }) => ({
        ...{ instance_id: instanceId, label, why },
        is_claimed: why === CLAIMED,
      })),
      interval_minutes: reaper.intervalMs === null ? null : reaper.intervalMs / 60_000,
      next_run_at: time(reaper.nextAtMs),
    },
    audit: {
      last_run_at: time(audit.lastAtMs),
      corrected: audit.corrected,
      next_run_at: time(audit.nextAtMs),
    },
    orphans_found_ever: orphans?.found ?? null,
    orphans: (orphans?.newest ?? []).map(({ atMs, instanceId, label, why }) => ({
      at: instant(atMs),
      instance_id: instanceId,
      label,
      why,
    })),
    guard: {
      minutes: guard.minutes,
      is_on: guard.minutes > 0,
      sessions: guard.sessions.map(({ session, instanceId, renewedAtMs, endsAtMs }) => ({
        session,
        instance_id: instanceId,
        last_renewed_at: time(renewedAtMs),
        ends_at: time(endsAtMs),
      })),
    },
    unconfirmed: unconfirmed.map(({ session, forMs }) => ({ session, seconds: seconds(forMs) })),
  };
}

const GUARANTEES = describeCall({
  summary: 'What keeps the promises: reaper, audit, guard, orphans ever found, teardowns not yet seen',
  answers: { 200: { is: 'What is known of each; null where nothing is', schema: guaranteesAnswer } },
});
