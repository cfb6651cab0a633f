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
});
process.stdout.write(`${JSON.stringify({ port: Number(new URL(server.url).port) })}\n`);
