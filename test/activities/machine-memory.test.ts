import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { machineAdvice } from '../../src/activities/machine-memory.ts';
import type { Archive } from '../../src/archive/archive.ts';
import type { MachineNote } from '../../src/domain/machine-memory.ts';

/** What a search is told by an archive that answers so. */
function adviseFrom(machineNotes: Archive['machineNotes']) {
  return new MockActivityEnvironment().run(() =>
    machineAdvice({ archive: { machineNotes } as Partial<Archive> as Archive }),
  );
}

test('a search is told what is remembered', async () => {
  const note: MachineNote = {
    machineId: 501,
    label: 'a',
    kind: 'cdi-error',
    atMs: Date.now() - 60_000,
    servedMs: 0,
  };
  const advice = await adviseFrom(async () => [note]);
  expect(advice).toMatchObject({ 501: { avoid: expect.stringMatching(/^remembered: cdi-error 1 min ago/) } });
});

test('an archive that fails, or does not answer, leaves a search without advice and fails it not', async () => {
  expect(await adviseFrom(() => Promise.reject(new Error('it is down')))).toEqual({});
  const startedAtMs = Date.now();
  expect(await adviseFrom(() => new Promise(() => undefined))).toEqual({});
  expect(Date.now() - startedAtMs).toBeLessThan(10_000);
});
