import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { Sessions, Versions } from '../client.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { type VersionsAnswer, versionsAnswer } from './version-answers.ts';

/** `/api/admin/versions`: which versions of the workers there are, and which one new sessions run on. */
export const versionsRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/versions', { schema: LIST }, async () => presentVersions(await sessions.versions.list()));
    app.post('/versions/promote', { schema: PROMOTE }, async (request) => {
      const { body } = parseInput({ body: { schema: promotion, given: request.body } });
      return presentVersions(await sessions.versions.promote(body.build_id));
    });
  };

function presentVersions({ deployment, versions }: Versions): VersionsAnswer {
  const items = versions.map(({ buildId, status, createdAtMs, openSessions, workers }) => ({
    build_id: buildId,
    status,
    created_at: new Date(createdAtMs).toISOString(),
    open_sessions: openSessions,
    workers,
  }));
  return { deployment, items, next: null };
}

const promotion = z.strictObject({
  build_id: z.string().min(1, 'the build id of a version, as `leash versions` shows it').max(255),
});

const LIST = describeCall({
  summary: 'Versions of the workers, their open sessions, and which one is current',
  answers: { 200: { is: 'All versions that Temporal knows', schema: versionsAnswer } },
});

const PROMOTE = describeCall({
  summary: 'New sessions run on this version from now on; open ones stay with the version that began them',
  body: promotion,
  answers: { 200: { is: 'The versions as they are now', schema: versionsAnswer } },
});
