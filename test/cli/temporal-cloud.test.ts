import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { msToTs } from '@temporalio/common/lib/time.js';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { connectClient } from '../../src/temporal/connection.ts';
import { ensureNamespace } from '../../src/temporal/namespace.ts';
import { eventually } from '../support/eventually.ts';
import { type GuardedTemporal, startGuardedTemporal } from '../support/guarded-temporal.ts';
import { runLeash, startLeash } from './run-leash.ts';

/** What docs/tutorials/temporal-cloud.md sets, on a real Temporal server behind a front that asks for it. */

const START_MS = 90_000;
const namespace = `cloud-${process.pid}`;

let home: string;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'leash-cloud-'));
  // By its owner, as on Temporal Cloud: nobody else may make one there.
  const { connection, close } = await connectClient({ address: inject('temporalAddress') });
  await ensureNamespace(connection, namespace).finally(close);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function freePort(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  await once(probe.close(), 'close');
  return String(typeof address === 'object' && address !== null ? address.port : 0);
}

async function settingsFor({ address, files }: GuardedTemporal): Promise<Record<string, string>> {
  return {
    LEASH_HOME: home,
    LEASH_PORT: await freePort(),
    LEASH_SIMULATOR_PORT: await freePort(),
    LEASH_RATE_SCALE: '0',
    LEASH_DRAIN_SECONDS: '1',
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.ca,
    NO_COLOR: '1',
  };
}

const APART = ['up', '--time-scale', '600'];

test.each(['an API key', 'a client certificate'])(
  'a session goes from launch to receipt on a Temporal that asks for TLS and %s',
  { timeout: 480_000 },
  async (how) => {
    const wants = how === 'an API key' ? { apiKey: 'a-key-for-tests' } : 'client-certificate';
    await using temporal = await startGuardedTemporal(inject('temporalAddress'), wants);
    const shown: Record<string, string> =
      wants === 'client-certificate'
        ? {
            TEMPORAL_TLS_CLIENT_CERT_PATH: temporal.files.cert,
            TEMPORAL_TLS_CLIENT_KEY_PATH: temporal.files.key,
          }
        : { TEMPORAL_API_KEY: wants.apiKey };
    const env = { ...(await settingsFor(temporal)), ...shown };
    await using up = startLeash(APART, { env });
    await up.awaitOutput(/Up after/, START_MS);
    await using launch = startLeash(['launch'], { env });
    const launched = await launch.ended(120_000);
    expect(launched.code, launched.err).toBe(0);
    const doctor = await runLeash(['doctor'], { env });
    expect(doctor.out).toMatch(/ok {2}search attributes/);
    await using destroy = startLeash(['destroy'], { env });
    const destroyed = await destroy.ended(120_000);
    expect(destroyed.out).toContain('completed (requested)');
    expect(temporal.counts.passed).toBeGreaterThan(50);
    up.signal('SIGTERM');
    expect(await up.ended(60_000)).toMatchObject({ code: 0 });
  },
);

test('search attributes that were forgotten are named at the start', { timeout: 240_000 }, async () => {
  const bare = `${namespace}-bare`;
  const { connection, close } = await connectClient({ address: inject('temporalAddress') });
  await connection.workflowService.registerNamespace({
    namespace: bare,
    workflowExecutionRetentionPeriod: msToTs(30 * 86_400_000),
  });
  await eventually(
    'the namespace',
    () => connection.workflowService.describeNamespace({ namespace: bare }).catch(() => null),
    30_000,
  );
  await close();
  await using temporal = await startGuardedTemporal(inject('temporalAddress'), { apiKey: 'a-key' });
  const env = { ...(await settingsFor(temporal)), TEMPORAL_NAMESPACE: bare, TEMPORAL_API_KEY: 'a-key' };
  await using up = startLeash(APART, { env });
  const { code, err } = await up.ended(120_000);
  expect(err).toMatch(/SessionState|search attribute/i);
  expect(code).toBe(1);
});

test('a wrong API key stops the start with the reason', { timeout: 120_000 }, async () => {
  await using temporal = await startGuardedTemporal(inject('temporalAddress'), { apiKey: 'the-right-one' });
  const env = { ...(await settingsFor(temporal)), TEMPORAL_API_KEY: 'another' };
  await using up = startLeash(APART, { env });
  const { code, err } = await up.ended(90_000);
  expect(err).toMatch(/Cannot reach Temporal at localhost:\d+.*unauthorized/i);
  expect(err).not.toContain('another');
  expect(code).toBe(1);
});
