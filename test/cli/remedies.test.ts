import { describe, expect, test } from 'vitest';
import { PROBLEM_KINDS, Problem } from '../../src/domain/problem.ts';
import { idleView } from '../../src/domain/session.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';
import { runLeash } from './run-leash.ts';

const env = { ADMIN_TOKEN: TOKEN, NO_COLOR: '1' };

/** These say in their own sentence what to do, field by field or number by number. */
const SPEAK_FOR_THEMSELVES = ['invalid', 'unauthorized', 'not-found', 'conflict', 'nothing-to-extend'];
const NEED_A_REMEDY = PROBLEM_KINDS.filter((kind) => !SPEAK_FOR_THEMSELVES.includes(kind));

describe.each(NEED_A_REMEDY)('a refusal of kind %s', (kind) => {
  test('ends with what to do about it', async () => {
    const refused = () => Promise.reject(new Problem(kind, 'Why it is so.'));
    await using edge = await startHttpEdge({ sessions: scriptedSessions({ extend: refused }) });
    const { err } = await runLeash(['extend', '5', '--url', edge.url], { env });
    const [why = '', remedy = ''] = err.trim().split('\n');
    expect(why).toContain(`Why it is so. [${kind}]`);
    expect(remedy).toMatch(/leash [a-z]+|Wait a minute|set ADMIN_TOKEN/);
  });
});

test('what is not found is followed by where to look it up', async () => {
  await using edge = await startHttpEdge();
  const { code, err } = await runLeash(['keys', 'revoke', 'nope', '--url', edge.url], { env });
  expect(err).toMatch(/no gateway key nope[\s\S]*leash keys list/);
  expect(code).toBe(4);
});

test('a session that never was says how to start one', async () => {
  const sessions = scriptedSessions({ status: async (name) => idleView(name) });
  await using edge = await startHttpEdge({ sessions });
  const { out } = await runLeash(['status', '--session', 'never', '--url', edge.url], { env });
  expect(out).toContain('leash launch starts one');
});

test('launch --ask has nobody to ask in a pipe, and rents nothing', async () => {
  const sessions = scriptedSessions();
  await using edge = await startHttpEdge({ sessions });
  const { code } = await runLeash(['launch', '--ask', '--url', edge.url], { env });
  expect(code).not.toBe(0);
  expect(sessions.calls.map(({ name }) => name)).not.toContain('launch');
});

test('a port that is taken is no stack trace', async () => {
  await using edge = await startHttpEdge();
  const { code, err } = await runLeash(['simulate', '--port', new URL(edge.url).port], { env });
  expect(err).toMatch(/^leash: Port \d+ on 127\.0\.0\.1 is in use\. Stop .*\n$/);
  expect(code).toBe(1);
});
