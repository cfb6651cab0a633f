import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { SampleLog } from '../../src/activities/sample-log.ts';
import type { Archive } from '../../src/archive/archive.ts';
import { SAMPLES_KEPT_MS, type SessionSample } from '../../src/domain/session-sample.ts';
import { eventually } from '../support/eventually.ts';

test('samples of many sessions are written together, and old ones deleted by the way', async () => {
  const { samples, batches, pruned } = openLog();
  for (let at = 0; at < 100; at += 1) samples.note(aSample(at));
  expect(batches).toEqual([]);
  await samples.flush();
  expect(batches.map(({ length }) => length)).toEqual([100]);
  expect(pruned).toHaveLength(1);
  expect(Date.now() - SAMPLES_KEPT_MS - (pruned[0] ?? 0)).toBeLessThan(5_000);
  samples.note(aSample(100));
  await samples.flush();
  expect(pruned).toHaveLength(1);
});

test('what waits is written by itself after a while', async () => {
  const { samples, batches } = openLog({ flushMs: 10 });
  samples.note(aSample(1));
  await eventually('it is written', () => batches.length === 1);
});

test('the last samples are written when the worker stops', async () => {
  const { samples, batches } = openLog();
  samples.note(aSample(1));
  const flushing = samples.flush();
  samples.note(aSample(2));
  await samples.stop();
  await flushing;
  expect(batches.flat().map(({ atMs }) => atMs)).toEqual([1, 2]);
});

test('an archive that is away is told of once, costs the oldest samples alone, and gets the rest later', async () => {
  const { samples, batches, log, archive } = openLog();
  archive.isAway = true;
  for (let at = 0; at < 4_000; at += 1) samples.note(aSample(at));
  await samples.flush();
  for (let at = 4_000; at < 6_000; at += 1) samples.note(aSample(at));
  await samples.flush();
  expect(log.filter((line) => line.includes('cannot write samples'))).toHaveLength(1);
  archive.isAway = false;
  await samples.flush();
  const written = batches.flat().map(({ atMs }) => atMs);
  expect([written.length, written[0], written.at(-1)]).toEqual([5_000, 1_000, 5_999]);
});

/** Over an archive that can be away. */
function openLog(timing: { flushMs?: number } = {}) {
  const batches: SessionSample[][] = [];
  const pruned: number[] = [];
  const log: string[] = [];
  const archive = { isAway: false };
  const stored: Pick<Archive, 'writeSamples' | 'pruneSamples'> = {
    writeSamples: async (written) => {
      if (archive.isAway) throw new Error('no such host');
      batches.push([...written]);
    },
    pruneSamples: async ({ beforeMs }) => {
      pruned.push(beforeMs);
    },
  };
  const samples = new SampleLog(stored, pino({}, { write: (line) => log.push(line) }), timing);
  onTestFinished(() => samples.stop());
  return { samples, batches, pruned, log, archive };
}

function aSample(atMs: number): SessionSample {
  return {
    ...{ session: 'default', run: 'runrunrun1', instanceId: 501, atMs, isOk: true },
    ...{ spentUsd: 0.25, usdPerHour: 0.42, requestsTotal: 7, running: 1, waiting: 0 },
    ...{ promptTokensTotal: 1, generationTokensTotal: 900, gpuUtilPercent: null, gpuTempC: null },
  };
}
