import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, inject, test, vi } from 'vitest';
import {
  connectClient,
  connectWorker,
  isTemporalSilent,
  type TemporalClient,
  withDeadline,
} from '../../src/temporal/connection.ts';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map((each) => each.close()));
});

function remember<T extends { close(): Promise<void> }>(connected: T): T {
  open.push(connected);
  return connected;
}

async function connectHere(): Promise<TemporalClient> {
  const target = { address: inject('temporalAddress'), namespace: inject('temporalNamespace') };
  return remember(await connectClient(target));
}

/** A port on which nothing listens: it was free a moment ago. */
async function aClosedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

test('address and namespace come from TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE', async () => {
  vi.stubEnv('TEMPORAL_ADDRESS', inject('temporalAddress'));
  vi.stubEnv('TEMPORAL_NAMESPACE', inject('temporalNamespace'));
  const { address, namespace, client } = remember(await connectClient());
  expect({ address, namespace }).toEqual({
    address: inject('temporalAddress'),
    namespace: inject('temporalNamespace'),
  });
  expect(client.options.namespace).toBe(inject('temporalNamespace'));
  const worker = remember(await connectWorker());
  expect(worker.namespace).toBe(inject('temporalNamespace'));
});

test('the namespace is leash where nobody names one', async () => {
  const { namespace } = remember(await connectClient({ address: inject('temporalAddress') }));
  expect(namespace).toBe('leash');
});

test('an API key goes only to the server it was given for', async () => {
  vi.stubEnv('TEMPORAL_ADDRESS', 'temporal.example.com:7233');
  vi.stubEnv('TEMPORAL_API_KEY', 'key-for-example-com');
  // The key would turn TLS on, which our own server does not speak.
  const { client } = await connectHere();
  await expect(client.workflowService.getSystemInfo({})).resolves.toBeDefined();
});

test('a server that is not there is told with its address and what to do', async () => {
  const address = `127.0.0.1:${await aClosedPort()}`;
  const sentence = new RegExp(`Cannot reach Temporal at ${address} within 0.5 s: .+TEMPORAL_ADDRESS`);
  await expect(connectClient({ address, connectTimeoutMs: 500 })).rejects.toThrow(sentence);
  await expect(connectWorker({ address, connectTimeoutMs: 500 })).rejects.toThrow(sentence);
});

test('a query without a worker ends at its deadline', async () => {
  const { client } = await connectHere();
  const handle = await client.workflow.start('nobodyRunsThis', {
    workflowId: `silent/${randomUUID()}`,
    taskQueue: `silent-${randomUUID()}`,
  });
  const startedAtMs = Date.now();
  const error = await withDeadline(client, 500, () => handle.query('status')).catch((failure) => failure);
  expect(isTemporalSilent(error)).toBe(true);
  expect(Date.now() - startedAtMs).toBeLessThan(2_000);
  await handle.terminate();
});

test('a server that stops answering is given up at the deadline, not after the client’s retries', async () => {
  // Accepts and says nothing, as a host that hangs does.
  const mute = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { Client, Connection } = await import('@temporalio/client');
  const connection = Connection.lazy({ address: `127.0.0.1:${port}` });
  const client = new Client({ connection });
  const startedAtMs = Date.now();
  const error = await withDeadline(client, 700, () => client.workflow.getHandle('any').describe()).catch(
    (failure) => failure,
  );
  expect(isTemporalSilent(error)).toBe(true);
  expect(Date.now() - startedAtMs).toBeLessThan(2_000);
  await connection.close();
  mute.close();
});

test('an answer that says no is not silence', async () => {
  const { client } = await connectHere();
  const error = await withDeadline(client, 5_000, () =>
    client.workflow.getHandle(`none/${randomUUID()}`).describe(),
  ).catch((failure) => failure);
  expect(error).toBeInstanceOf(Error);
  expect(isTemporalSilent(error)).toBe(false);
});
