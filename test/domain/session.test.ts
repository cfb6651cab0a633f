import { expect, test } from 'vitest';
import { PROBLEM_KINDS, Problem } from '../../src/domain/problem.ts';
import { idleView, SESSION_STATES } from '../../src/domain/session.ts';

test('a session that never was is idle, costs nothing and is not stale', () => {
  expect(idleView('work')).toMatchObject({
    session: 'work',
    state: 'IDLE',
    run: null,
    endpoint: null,
    budget: { limitUsd: 0, spentUsd: 0, reservedUsd: 0, projectedBreachAtMs: null },
    attempts: [],
    outcome: null,
    receipt: null,
    isStale: false,
  });
});

test('the states are the seven of a session’s life, in order', () => {
  expect(SESSION_STATES.join(' → ')).toBe(
    'IDLE → SEARCHING → LAUNCHING → BOOTING → STARTING_VLLM → READY → DESTROYING',
  );
});

test('a refusal carries its kind, its sentence, every wrong field and when to ask again', () => {
  const problems = [{ field: 'hedge', given: 9, allowed: '1 to 3' }];
  const problem = new Problem('too-many', 'Slow down.', { problems, retryAfterSeconds: 3 });
  expect(problem).toBeInstanceOf(Error);
  expect({ ...problem, message: problem.message }).toMatchObject({
    kind: 'too-many',
    message: 'Slow down.',
    problems,
    retryAfterSeconds: 3,
  });
  expect(new Problem('conflict', 'No.')).toMatchObject({ problems: [], retryAfterSeconds: undefined });
});

test('no kind of refusal is listed twice', () => {
  expect(new Set(PROBLEM_KINDS).size).toBe(PROBLEM_KINDS.length);
});
