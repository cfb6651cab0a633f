import { expect, test } from 'vitest';
import type { AttemptAnswer, StatusAnswer } from '../../src/admin/answers.ts';
import { presentStatus } from '../../src/admin/present.ts';
import { stepsOf } from '../../src/dashboard/lifecycle.ts';
import { ratesOf } from '../../src/dashboard/rates.ts';
import { idleView } from '../../src/domain/session.ts';

const START_MS = Date.parse('2026-05-01T10:00:00Z');
const at = (seconds: number) => new Date(START_MS + seconds * 1_000).toISOString();

function aStatus(set: Partial<StatusAnswer>): StatusAnswer {
  return { ...presentStatus(idleView('s'), { isServing: false }), started_at: at(0), ...set };
}

function anAttempt(set: Partial<AttemptAnswer> = {}): AttemptAnswer {
  return {
    attempt: 1,
    label: 'l',
    tier: 't',
    offer_id: 1,
    machine_id: 2,
    gpu: 'RTX 4090',
    usd_per_hour: 0.3,
    phase: 'booting',
    started_at: at(5),
    created_at: null,
    running_at: null,
    ready_at: null,
    expected_running_seconds: 60,
    expected_ready_seconds: 150,
    ended_at: null,
    failure: null,
    instance_id: null,
    usd: 0,
    ...set,
  };
}

const told = (status: StatusAnswer, nowSeconds: number) =>
  stepsOf(status, START_MS + nowSeconds * 1_000).map(({ name, state, seconds, expectedSeconds }) => [
    name,
    state,
    seconds,
    expectedSeconds,
  ]);

test('a session that boots shows what its steps took, and how far the present one is of what is expected', () => {
  const status = aStatus({ state: 'BOOTING', attempts: [anAttempt({ created_at: at(8) })] });
  expect(told(status, 30)).toEqual([
    ['search', 'done', 5, null],
    ['rent', 'done', 3, null],
    ['boot', 'current', 22, 60],
    ['vllm', 'ahead', null, 90],
    ['serve', 'ahead', null, null],
    ['return', 'ahead', null, null],
  ]);
});

test('after a failed attempt the search counts from its end, and nothing of the old host is shown', () => {
  const failed = anAttempt({
    created_at: at(8),
    ended_at: at(20),
    failure: { kind: 'cdi-error', whose: 'host', message: 'It failed.' },
  });
  const status = aStatus({ state: 'SEARCHING', attempts: [failed] });
  expect(told(status, 26)[0]).toEqual(['search', 'current', 6, null]);
  expect(
    told(status, 26)
      .slice(1)
      .every(([, state]) => state === 'ahead'),
  ).toBe(true);
});

test('a session that ended without ever being READY shows where it failed', () => {
  const failed = anAttempt({
    created_at: at(8),
    running_at: at(40),
    ended_at: at(70),
    failure: { kind: 'bad-flag', whose: 'caller', message: 'It failed.' },
  });
  const status = aStatus({ state: 'IDLE', outcome: 'launch-failed', attempts: [failed] });
  expect(told(status, 900).map(([name, state]) => [name, state])).toEqual([
    ['search', 'done'],
    ['rent', 'done'],
    ['boot', 'done'],
    ['vllm', 'failed'],
    ['serve', 'ahead'],
    ['return', 'done'],
  ]);
});

test('a rate is what a counter grew by, and nothing over the restart that set it back', () => {
  const samples = [0, 60, 120, 180].map((seconds, index) => ({
    at: at(seconds),
    is_ok: true,
    spent_usd: 0,
    usd_per_hour: 0,
    requests_total: [0, 120, 4, 10][index] ?? 0,
    running: 0,
    waiting: 0,
    prompt_tokens_total: 0,
    generation_tokens_total: 0,
    gpu_util_percent: null,
    gpu_temp_c: null,
  }));
  expect(ratesOf(samples, ({ requests_total }) => requests_total)).toEqual([null, 2, null, 0.1]);
});
