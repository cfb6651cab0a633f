import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const DEMO = fileURLToPath(new URL('../../src/cli/demo.ts', import.meta.url));

test('the demonstration does the main job once, whatever the environment holds', {
  timeout: 150_000,
}, async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'leash-demo-test-'));
  // All of it names what must not be reached: an account, a market, a Temporal, ports, a home.
  const nowhere = 'http://192.0.2.1:9';
  const demo = spawn(process.execPath, [DEMO], {
    env: {
      ...process.env,
      NO_COLOR: '1',
      TMPDIR: temporary,
      VASTAI_API_KEY: 'an-account-that-costs-money',
      VASTAI_API_URL: nowhere,
      TEMPORAL_ADDRESS: '192.0.2.1:9',
      TEMPORAL_NAMESPACE: 'somebody-elses',
      LEASH_HOME: '/nonexistent/home',
      LEASH_PORT: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [demo.stdout, demo.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text));
  const [code] = await once(demo, 'close', { signal: AbortSignal.timeout(120_000) });

  expect(said).toMatch(
    /booting[\s\S]*READY[\s\S]*pieces, the first after[\s\S]*serves until[\s\S]*instance is gone/,
  );
  expect(said).toContain('completed (requested)');
  expect(said).toContain('both show the instance destroyed');
  expect(code).toBe(0);
  // Its home is gone with it.
  expect(readdirSync(temporary).filter((name) => name.startsWith('leash-demo-'))).toEqual([]);
  rmSync(temporary, { recursive: true, force: true });
});
