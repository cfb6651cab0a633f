import { expect, test } from 'vitest';
import { guaranteesAnswer } from '../../src/admin/answers.ts';
import { CLAIMED } from '../../src/domain/reaping.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const AT = Date.UTC(2026, 2, 1, 12);

test('guarantees read in ISO times, minutes and seconds', async () => {
  const orphan = { instanceId: 7, atMs: AT, label: 'its label', why: 'its session is closed' };
  const sessions = scriptedSessions({
    guarantees: async () => ({
      reaper: {
        ...{ lastAtMs: AT, nextAtMs: AT + 300_000, intervalMs: 300_000, found: 3, destroyed: 1 },
        left: [
          { instanceId: 8, label: 'another', why: 'its session is unknown' },
          { instanceId: 9, label: 'a third', why: CLAIMED },
        ],
      },
      audit: { lastAtMs: AT, nextAtMs: null, corrected: 2 },
      orphans: { found: 105, newest: [orphan] },
      guard: {
        minutes: 15,
        sessions: [{ session: 'default', instanceId: 9, renewedAtMs: AT, endsAtMs: AT + 900_000 }],
      },
      unconfirmed: [{ session: 'other', forMs: 12_345 }],
    }),
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = await edge.ask('/api/admin/guarantees');
  expect(guaranteesAnswer.parse(await answer.json())).toEqual({
    reaper: {
      last_run_at: '2026-03-01T12:00:00.000Z',
      ...{ found: 3, destroyed: 1 },
      left: [
        { instance_id: 8, label: 'another', why: 'its session is unknown', is_claimed: false },
        { instance_id: 9, label: 'a third', why: 'its open session claims it', is_claimed: true },
      ],
      interval_minutes: 5,
      next_run_at: '2026-03-01T12:05:00.000Z',
    },
    audit: { last_run_at: '2026-03-01T12:00:00.000Z', corrected: 2, next_run_at: null },
    orphans_found_ever: 105,
    orphans: [
      { at: '2026-03-01T12:00:00.000Z', instance_id: 7, label: 'its label', why: 'its session is closed' },
    ],
    guard: {
      ...{ minutes: 15, is_on: true },
      sessions: [
        {
          ...{ session: 'default', instance_id: 9 },
          ...{ last_renewed_at: '2026-03-01T12:00:00.000Z', ends_at: '2026-03-01T12:15:00.000Z' },
        },
      ],
    },
    unconfirmed: [{ session: 'other', seconds: 12.345 }],
  });
});

test('what is not known is null, and no guard is said to be on that is turned off', async () => {
  const sessions = scriptedSessions({
    guarantees: async () => ({
      reaper: { lastAtMs: null, nextAtMs: null, intervalMs: null, found: null, destroyed: null, left: [] },
      audit: { lastAtMs: null, nextAtMs: null, corrected: null },
      orphans: null,
      guard: { minutes: 0, sessions: [] },
      unconfirmed: [],
    }),
  });
  await using edge = await startHttpEdge({ sessions });
  const answer = guaranteesAnswer.parse(await (await edge.ask('/api/admin/guarantees')).json());
  expect(answer).toMatchObject({
    reaper: { last_run_at: null, found: null, interval_minutes: null },
    orphans_found_ever: null,
    guard: { is_on: false },
  });
});
