import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './options.ts';
import { campaignReport } from './report.ts';

/** What `npm run campaign` is made of, for as long as every change can afford; `npm run campaign:long` is the proof. */
const SHORT = [
  '--seeds',
  '2',
  '--stacks',
  '1',
  '--sessions',
  '30',
  '--together',
  '8',
  '--minutes',
  '1',
  '--suspend',
  '8',
];

test('a short campaign finds no promise broken', { timeout: 900_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'leash-short-campaign-'));
  const json = join(directory, 'report.json');
  const campaign = spawn(
    process.execPath,
    [join(ROOT, 'test/campaign/main.ts'), ...SHORT, '--no-shrink', '--json', json],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  for (const stream of [campaign.stdout, campaign.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const [code] = await once(campaign, 'close');
  try {
    expect(code, said).toBe(0);
    const report = campaignReport.parse(JSON.parse(readFileSync(json, 'utf8')));
    expect(report).toMatchObject({
      violations: [],
      orphans: 0,
      doubleRents: 0,
      overspends: 0,
      secretsFound: 0,
    });
    // It must have had something to survive, or it proves nothing.
    expect(report.sessions).toBeGreaterThanOrEqual(4);
    expect(report.kills).toBeGreaterThanOrEqual(2);
    expect(report.contracts).toBeGreaterThan(0);
    expect(report.historiesReplayed).toBeGreaterThanOrEqual(report.sessions);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
