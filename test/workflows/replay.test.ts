import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { plainText } from '../support/plain-text.ts';
import { CANARY, readHistory, recordHistories } from '../support/workflow-recording.ts';

/**
 * Sessions outlive deploys: what an earlier version recorded, this one must go on with. A history that no longer
 * replays means `patched(…)`, never a new recording; that is for new paths:
 * `LEASH_RECORD_HISTORIES=1 npx vitest run test/workflows/replay.test.ts`.
 */
const DIRECTORY = fileURLToPath(new URL('../histories/', import.meta.url));

if (process.env.LEASH_RECORD_HISTORIES === '1') {
  test('histories are recorded anew', () => recordHistories(DIRECTORY), 300_000);
}

describe('recorded histories', () => {
  beforeAll(() => Runtime.install({ logger: new DefaultLogger('ERROR') }));

  const names = () => readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'));
  const read = (name: string) => readFileSync(`${DIRECTORY}${name}`, 'utf8');

  test('each replays with the workflows as they are now', async () => {
    expect(names()).toEqual(
      expect.arrayContaining([
        'continued-first.json',
        'continued-later.json',
        'extended.json',
        'failed-attempts.json',
        'hedged.json',
        'ledger.json',
        'plain.json',
        'reaper.json',
        'replaced.json',
      ]),
    );
    const bundle = await workflowBundle();
    for (const name of names()) {
      const replay = Worker.runReplayHistory({ workflowBundle: bundle }, readHistory(read(name)));
      await expect(replay, name).resolves.toBeUndefined();
    }
  });

  test('a history that the workflows do not fit is found out', async () => {
    const history = readHistory(read('plain.json').replaceAll('"reserveBudget"', '"rentInstance"'));
    const replay = Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history);
    await expect(replay).rejects.toThrow(/determinis/i);
  });

  test('none holds a secret, or names the machine it was recorded on', () => {
    for (const name of names()) {
      const text = plainText(JSON.parse(read(name)));
      expect(text, name).not.toContain(CANARY);
      expect(text, name).not.toMatch(
        /Bearer |VASTAI_API_KEY=|-----BEGIN|onstart|\/work\/|\/home\/|\/root\/|leash@/,
      );
    }
  });
});
