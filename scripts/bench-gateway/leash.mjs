/** Leash's HTTP server over one READY session whose instance is the upstream; nothing else is left out of it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../src/config.ts';
import { openInstallation } from '../../src/installation.ts';
import { makeLogger } from '../../src/logging.ts';
import { startHttpServer } from '../../src/server.ts';

const [upstreamPort, key] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), 'leash-bench-'));
const serving = [
  {
    session: 'default',
    model: 'bench',
    endpoint: `http://127.0.0.1:${upstreamPort}/v1`,
    label: 'leash.aaaaaaaaaa.default.bbbbbbbbbb.1.x1900000000',
    instanceId: 1,
  },
];
const none = () => Promise.reject(new Error('Not part of the benchmark'));
const sessions = new Proxy(
  { serving: () => serving, markUnreachable: () => undefined, close: async () => undefined },
  { get: (known, name) => known[name] ?? none },
);
const config = parseConfig({ LEASH_PORT: '0', LEASH_HOME: home, LEASH_LOG_LEVEL: 'info' });
const installation = openInstallation({ home, adminToken: key });
const server = await startHttpServer({
  config,
  installation,
  sessions,
  logger: makeLogger('info'),
  environment: {},
  // A dollar per million tokens: budgets reckon with it.
  priceOf: (_at, used) => (used.promptTokens + used.completionTokens) / 1e6,
});
// A key with every limit there is, none of which is reached.
const made = await fetch(`${server.url}/api/admin/keys`, {
  method: 'POST',
  headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  body: JSON.stringify({
    name: 'bench',
    models: ['bench'],
    requests_per_minute: 1e9,
    tokens_per_minute: 1e9,
    budget_usd: 1e6,
    budget_period: 'day',
  }),
});
const { token } = await made.json();
// For the memory test, which is started with --expose-gc.
if (globalThis.gc !== undefined) process.on('SIGUSR2', () => globalThis.gc());
process.stdout.write(`${JSON.stringify({ port: Number(new URL(server.url).port), token })}\n`);
