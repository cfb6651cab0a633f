import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { StatusAnswer } from '../../src/admin/answers.ts';
import { progressLines } from '../../src/cli/progress.ts';
import { anAttempt, aReadyStatus, aStatus, atMs } from './answers.ts';

/** The lines that a watcher sees who looks at these moments. */
function seen(...looks: [seconds: number, status: StatusAnswer][]): string[] {
  let before: StatusAnswer | null = null;
  const lines: string[] = [];
  for (const [seconds, status] of looks) {
    lines.push(...progressLines(before, status, atMs(seconds)));
    before = status;
  }
  return lines.map((line) => stripVTControlCharacters(line).trim());
}

test('a launch is told phase by phase, with the time since its start', () => {
  const attempt = anAttempt();
  const rented = anAttempt({ instance_id: 9001, phase: 'booting' });
  expect(
    seen(
      [0, aStatus()],
      [3, aStatus({ state: 'LAUNCHING', attempts: [attempt] })],
      [9, aStatus({ state: 'BOOTING', attempts: [rented] })],
      [70, aStatus({ state: 'STARTING_VLLM', attempts: [rented] })],
      [95, aReadyStatus()],
    ),
  ).toEqual([
    '0:00  searching',
    '0:03  attempt 1: RTX 4090 at $0.420/h on machine 501',
    '0:09  attempt 1: instance 9001 rented',
    '0:09  booting',
    '1:10  starting vLLM',
    '1:35  READY',
  ]);
});

test('a look that shows nothing new says nothing', () => {
  const booting = aStatus({ state: 'BOOTING', attempts: [anAttempt({ instance_id: 9001 })] });
  expect(progressLines(booting, { ...booting, detail: 'Pulling the image.' }, atMs(20))).toEqual([]);
});

test('a failed attempt says what failed and whose fault it is, and so does the one after it', () => {
  const failed = anAttempt({
    instance_id: 9001,
    phase: 'gone',
    failure: { kind: 'cdi-error', whose: 'host', message: 'The GPU could not be handed to the container' },
  });
  const lines = seen(
    [9, aStatus({ state: 'BOOTING', attempts: [anAttempt({ instance_id: 9001, phase: 'booting' })] })],
    [
      30,
      aStatus({
        state: 'LAUNCHING',
        attempts: [failed, anAttempt({ attempt: 2, label: 'second', gpu: 'RTX 3090', machine_id: 502 })],
      }),
    ],
  );
  expect(lines).toContain(
    '0:30  attempt 1 failed: The GPU could not be handed to the container (cdi-error; this machine is at fault)',
  );
  expect(lines).toContain('0:30  attempt 2: RTX 3090 at $0.420/h on machine 502');
});

test('an attempt that came and went between two looks is told whole', () => {
  const failure = { kind: 'offer-gone', whose: 'market' as const, message: 'The offer was taken' };
  expect(seen([0, aStatus()], [20, aStatus({ attempts: [anAttempt({ phase: 'gone', failure })] })])).toEqual([
    '0:00  searching',
    '0:20  attempt 1: RTX 4090 at $0.420/h on machine 501',
    '0:20  attempt 1 failed: The offer was taken (offer-gone; the market moved)',
  ]);
});

test('an order that no worker has judged says so', () => {
  expect(seen([0, aStatus({ accepted: null })])[0]).toContain('as soon as a worker is there');
});

test('an attempt that rented nothing is not called an instance', () => {
  const refused = anAttempt({
    phase: 'gone',
    instance_id: null,
    failure: { kind: 'no-credit', whose: 'account', message: 'The account has no credit' },
  });
  expect(
    seen(
      [0, aStatus({ state: 'LAUNCHING', attempts: [anAttempt()] })],
      [2, aStatus({ attempts: [refused] })],
    ),
  ).toContain('0:02  attempt 1: nothing was rented');
});
