import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { stepLines, stepsOf } from '../../src/cli/steps.ts';
import { anAttempt, aReadyStatus, aStatus, at, atMs } from './answers.ts';

const attempt = (set: Parameters<typeof anAttempt>[0] = {}) =>
  anAttempt({ started_at: at(2), expected_running_seconds: 60, expected_ready_seconds: 150, ...set });

function told(status: Parameters<typeof stepsOf>[0], seconds: number): string[] {
  return stepLines(status, { nowMs: atMs(seconds), width: 200 }).map((line) =>
    stripVTControlCharacters(line).trim(),
  );
}

test('while it boots: what is done with its time, what goes on beside what was expected, what is to come', () => {
  const booting = aStatus({ state: 'BOOTING', attempts: [attempt({ created_at: at(5), phase: 'booting' })] });
  expect(told(booting, 45)[0]).toBe(
    '✓ search 0:02  ✓ rent 0:03  ▸ boot 0:40 of ~1:00  · load ~1:30  · READY',
  );
});

test('while nothing is rented yet, only the search goes on', () => {
  expect(told(aStatus(), 8)[0]).toBe('▸ search 0:08  · rent  · boot  · load  · READY');
});

test('after an attempt that failed the next one is counted from where that was over', () => {
  const failure = { kind: 'cdi-error', whose: 'host' as const, message: 'No GPU in the container.' };
  const failed = attempt({ failure, ended_at: at(30), created_at: at(4) });
  const next = attempt({ attempt: 2, started_at: at(33), created_at: at(35), running_at: at(50) });
  const steps = stepsOf(aStatus({ state: 'STARTING_VLLM', attempts: [failed, next] }), atMs(60));
  expect(steps.map(({ name, standing, seconds }) => [name, standing, seconds])).toEqual([
    ['search', 'done', 3],
    ['rent', 'done', 2],
    ['boot', 'done', 15],
    ['load', 'now', 10],
    ['READY', 'next', null],
  ]);
});

test('an attempt of an older server, which tells no times, is no step that is done', () => {
  const booting = aStatus({ state: 'BOOTING', attempts: [anAttempt({ phase: 'booting' })] });
  expect(told(booting, 45)[0]).toBe('✓ search 0:02  ▸ rent 0:43  · boot  · load  · READY');
});

test('once READY the money and what ends it are all there is to watch', () => {
  const ready = aReadyStatus({
    usd_per_hour: 0.42,
    keep_alive_until: at(2_800),
    budget: { limit_usd: 2, spent_usd: 0.05, reserved_usd: 1.95, projected_breach_at: at(16_300) },
  });
  expect(told(ready, 100)).toEqual([
    '$0.0500 of $2.00 at $0.420/h · budget lasts 4 h 30 min · kept 45 min more',
  ]);
});
