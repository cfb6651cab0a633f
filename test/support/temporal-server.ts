import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';
import { connectClient } from '../../src/temporal/connection.ts';
import { startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';
import { ensureNamespace } from '../../src/temporal/namespace.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    temporalAddress: string;
    temporalNamespace: string;
  }
}

/**
 * One Temporal server for the whole run, told to tests by `inject('temporalAddress')`.
 *
 * It is always our own: what the environment says of Temporal may mean one that holds real rentals,
 * and is forgotten before any test can read it.
 */
export default async function startTemporalForTests(project: TestProject): Promise<() => Promise<void>> {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('TEMPORAL_')) delete process.env[name];
  }
  const home = await mkdtemp(join(tmpdir(), 'leash-temporal-'));
  const server = await startEmbeddedTemporal({ home, port: 0, uiPort: null, namespace: 'leash-test' });
  try {
    const { connection, close } = await connectClient(server);
    await ensureNamespace(connection, server.namespace).finally(close);
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide('temporalAddress', server.address);
  project.provide('temporalNamespace', server.namespace);
  return async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  };
}
