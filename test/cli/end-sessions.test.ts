import { expect, test } from 'vitest';
import { endSessions } from '../../src/cli/up/end-sessions.ts';
import type { SessionSummary } from '../../src/client.ts';
import { Problem } from '../../src/domain/problem.ts';
import { idleView, type SessionView } from '../../src/domain/session.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

function aSummary(session: string): SessionSummary {
  return {
    session,
    run: null,
    state: 'READY',
    outcome: null,
    gpu: null,
    instanceId: null,
    usdPerHour: null,
    startedAtMs: 0,
    endedAtMs: null,
  };
}

const destroying = (session: string): SessionView => ({
  ...idleView(session),
  state: 'DESTROYING',
  detail: 'Waiting until the market shows it gone.',
});

test('every open session is ended for the shutdown, over all pages, and each end is told', async () => {
  const sessions = scriptedSessions({
    list: async ({ after }) =>
      after === undefined
        ? { items: [aSummary('one')], next: 'page-2' }
        : { items: [aSummary('two')], next: null },
    destroy: async ({ session }) => ({ done: false, view: destroying(session) }),
    status: async (session) => idleView(session),
  });
  const told: string[] = [];
  expect(await endSessions(sessions, { timeoutMs: 10_000, print: (line) => told.push(line) })).toEqual([]);
  expect(sessions.calls.filter((call) => call.name === 'destroy')).toMatchObject([
    { given: { session: 'one', reason: 'shutdown' } },
    { given: { session: 'two', reason: 'shutdown' } },
  ]);
  expect(told.join('\n')).toMatch(/Ending one, two[\s\S]*one: Waiting until[\s\S]*one: ended/);
});

test('a session that is not seen to end in time is named', async () => {
  const sessions = scriptedSessions({
    list: async () => ({ items: [aSummary('one'), aSummary('two')], next: null }),
    destroy: async ({ session }) => ({ done: false, view: destroying(session) }),
    status: async (session) => (session === 'one' ? idleView(session) : destroying(session)),
  });
  expect(await endSessions(sessions, { timeoutMs: 700, print: () => undefined })).toEqual(['two']);
});

test('a destroy that could not be sent is sent again', async () => {
  let asked = 0;
  const sessions = scriptedSessions({
    list: async () => ({ items: [aSummary('one')], next: null }),
    destroy: async ({ session }) => {
      asked += 1;
      if (asked === 1) throw new Problem('temporal-unreachable', 'Temporal does not answer.');
      return { done: true, view: idleView(session) };
    },
  });
  expect(await endSessions(sessions, { timeoutMs: 10_000, print: () => undefined })).toEqual([]);
  expect(asked).toBe(2);
});

test('with no session open there is nothing to wait for', async () => {
  const sessions = scriptedSessions({ list: async () => ({ items: [], next: null }) });
  expect(await endSessions(sessions, { timeoutMs: 10_000, print: () => undefined })).toEqual([]);
});
