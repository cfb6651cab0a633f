import { describe, expect, test } from 'vitest';
import type { AttemptAnswer, StatusAnswer } from '../../src/admin/answers.ts';
import { type Step, stepsOf } from '../../src/cli/steps.ts';
import { anAttempt, aReadyStatus, aStatus, at, atMs } from './answers.ts';

const EXPECTED = { expected_running_seconds: 40, expected_ready_seconds: 130 };

function booting(set: Partial<AttemptAnswer> = {}): StatusAnswer {
  const attempt = anAttempt({ phase: 'booting', instance_id: 9001, created_at: at(4), ...EXPECTED, ...set });
  return aStatus({ state: 'BOOTING', attempts: [attempt] });
}

/** `mark title took/expected`, as one reads them down the screen. */
function told(steps: readonly Step[]): string[] {
  const marks = { done: '✓', failed: '✗', current: '>', ahead: '.' };
  const seconds = (ms: number | null) => (ms === null ? '-' : String(ms / 1_000));
  return steps.map(
    ({ standing, title, tookMs, expectedMs }) =>
      `${marks[standing]} ${title} ${seconds(tookMs)}/${seconds(expectedMs)}`,
  );
}

test('a session that was never launched has no steps', () => {
  expect(stepsOf(aStatus({ state: 'IDLE', started_at: null }), atMs(0))).toEqual([]);
});

test('a search goes on since the launch', () => {
  expect(told(stepsOf(aStatus(), atMs(3)))).toEqual(['> searching 3/-', '. READY -/-']);
});

test('an order that no worker has judged says what it waits for', () => {
  expect(stepsOf(aStatus({ accepted: null }), atMs(9))[0]?.says).toContain('worker');
});

test('what goes on is told beside how long it should take, and so is what is to come', () => {
  expect(told(stepsOf(booting(), atMs(14)))).toEqual([
    '✓ searching 2/-',
    '✓ renting 2/-',
    '> booting 10/40',
    '. starting vLLM -/90',
    '. READY -/130',
  ]);
});

test('what is over is told with the time it took', () => {
  const attempt = anAttempt({ phase: 'ready', instance_id: 9001, ...EXPECTED });
  const times = { created_at: at(4), running_at: at(30), ready_at: at(95) };
  const status = aReadyStatus({ attempts: [{ ...attempt, ...times }] });
  expect(told(stepsOf(status, atMs(500)))).toEqual([
    '✓ searching 2/-',
    '✓ renting 2/-',
    '✓ booting 26/40',
    '✓ starting vLLM 65/90',
    '✓ READY 95/-',
  ]);
});

test('a server that tells no times leaves them open', () => {
  const bare = { created_at: null, expected_running_seconds: null, expected_ready_seconds: null };
  expect(told(stepsOf(booting(bare), atMs(14)))).toEqual([
    '✓ searching 2/-',
    '✓ renting -/-',
    '> booting -/-',
    '. starting vLLM -/-',
    '. READY -/-',
  ]);
});

describe('attempts that failed', () => {
  const failure = { kind: 'cdi-error', whose: 'host' as const, message: 'No GPU for the container' };
  const failed = anAttempt({ phase: 'gone', ended_at: at(20), failure });

  test('stand first, with the machine, the reason and whose fault it was', () => {
    const [first] = stepsOf(aStatus({ attempts: [failed] }), atMs(25));
    expect(first).toMatchObject({ title: 'attempt 1', standing: 'failed', tookMs: 18_000 });
    expect(first?.says).toMatch(/RTX 4090, machine 501: No GPU .*cdi-error; this machine is at fault/);
  });

  test('the search after one is timed from its end', () => {
    expect(told(stepsOf(aStatus({ attempts: [failed] }), atMs(25)))).toContain('> searching 5/-');
  });

  test('one that is being given back is no search yet', () => {
    const status = aStatus({ state: 'DESTROYING', attempts: [{ ...failed, phase: 'destroying' }] });
    expect(told(stepsOf(status, atMs(25)))).toEqual(['✗ attempt 1 18/-', '> destroying -/-']);
  });

  test('many are summed up, the newest told', () => {
    const attempts = [1, 2, 3, 4, 5, 6].map((attempt) => ({ ...failed, attempt, label: `of-${attempt}` }));
    const titles = stepsOf(aStatus({ attempts }), atMs(25)).map(({ title }) => title);
    expect(titles.slice(0, 3)).toEqual(['2 earlier', 'attempt 3', 'attempt 4']);
  });
});

test('with hedging the furthest attempt leads and the other stands beside it', () => {
  const second = anAttempt({ attempt: 2, label: 'second', phase: 'starting-vllm', running_at: at(8) });
  const status = booting();
  const steps = stepsOf({ ...status, attempts: [...status.attempts, second] }, atMs(14));
  expect(told(steps)).toEqual([
    '✓ searching 2/-',
    '✓ renting -/-',
    '✓ booting -/-',
    '> starting vLLM 6/-',
    '. READY -/-',
    '> attempt 1 12/130',
  ]);
});

test('a session that ends shows what it reached, and the teardown', () => {
  const attempt = anAttempt({ phase: 'destroying', instance_id: 9001, created_at: at(4), running_at: at(9) });
  const status = aStatus({ state: 'DESTROYING', attempts: [attempt], detail: 'Looking again.' });
  expect(told(stepsOf(status, atMs(14)))).toEqual([
    '✓ searching 2/-',
    '✓ renting 2/-',
    '✓ booting 5/-',
    '> destroying -/-',
  ]);
});
