import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectClient } from '../../src/temporal/connection.ts';
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../src/temporal/embedded-server.ts';
import { ensureNamespace } from '../../src/temporal/namespace.ts';

const EMBEDDED_SERVER = new URL('../../src/temporal/embedded-server.ts', import.meta.url).href;

let home: string;
let running: EmbeddedTemporal[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'leash-embedded-'));
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  await rm(home, { recursive: true, force: true });
});

async function start(options: Partial<Parameters<typeof startEmbeddedTemporal>[0]> = {}) {
  const server = await startEmbeddedTemporal({ home, port: 0, uiPort: null, namespace: 'leash', ...options });
  running.push(server);
  return server;
}

test('a session started before the server was stopped is there after it starts again', async () => {
  const first = await start();
  const before = await connectClient(first);
  await ensureNamespace(before.connection, before.namespace);
  await before.client.workflow.start('gpuSession', { workflowId: 'session/kept', taskQueue: 'nobody' });
  await before.close();
  await first.stop();

  const second = await start();
  const after = await connectClient(second);
  const { status } = await after.client.workflow.getHandle('session/kept').describe();
  await after.close();
  expect(status.name).toBe('RUNNING');
});

test('a taken port is told with the setting that moves it', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  try {
    await expect(start({ port })).rejects.toThrow(
      new RegExp(`Port ${port} on 127\\.0\\.0\\.1.*lsof -i :${port}.*LEASH_TEMPORAL_PORT`),
    );
    await expect(start({ uiPort: port })).rejects.toThrow('LEASH_TEMPORAL_UI_PORT');
  } finally {
    taken.close();
  }
});

test('a server that cannot start says why and where its log is', async () => {
  await mkdir(join(home, 'temporal.db'));
  await expect(start()).rejects.toThrow(/The Temporal server ended at once: .+\(log: .*temporal\.log\)/);
});

test('a server that dies is reported once, and one that is stopped is not', async () => {
  const reports: string[] = [];
  const died = Promise.withResolvers<void>();
  const onExit = (why: string) => {
    reports.push(why);
    died.resolve();
  };
  const server = await start({ onExit });
  process.kill(server.pid, 'SIGKILL');
  await died.promise;
  expect(reports).toEqual([expect.stringContaining('ended by itself (SIGKILL)')]);

  const stopped = await start({ onExit });
  await stopped.stop();
  await stopped.stop();
  expect(reports).toHaveLength(1);
});

test('the Web UI answers where the server says it is', async () => {
  const server = await start({ uiPort: 0 });
  expect(server.uiUrl).not.toBeNull();
  const response = await fetch(String(server.uiUrl), { signal: AbortSignal.timeout(10_000) });
  expect(response.status).toBe(200);
});

test('a home in use is told, and no second server is put on its database', async () => {
  const first = await start();
  await expect(start({ homeTimeoutMs: 300 })).rejects.toThrow(
    new RegExp(`${home} is in use: .+ process ${first.pid} on port \\d+.+LEASH_HOME`),
  );
});

test('its Web UI is told where payloads are decoded', async () => {
  const uiCodecEndpoint = 'http://127.0.0.1:8080/codec';
  const { uiUrl } = await start({ uiPort: 0, uiCodecEndpoint });
  const settings = await fetch(`${uiUrl}/api/v1/settings`, { signal: AbortSignal.timeout(10_000) });
  expect(await settings.json()).toMatchObject({ Codec: { Endpoint: uiCodecEndpoint } });
});

test('after the program that started it is killed, the next start finds port and database free', async () => {
  const program = spawn(process.execPath, [
    '--input-type=module-typescript',
    '--eval',
    `import { startEmbeddedTemporal } from ${JSON.stringify(EMBEDDED_SERVER)};
     const server = await startEmbeddedTemporal(${JSON.stringify({ home, port: 0, uiPort: null, namespace: 'leash' })});
     console.log(JSON.stringify(server));
     setInterval(() => {}, 1_000);`,
  ]);
  const [line] = await once(program.stdout, 'data');
  const orphaned = JSON.parse(String(line));
  expect(isRunning(orphaned.pid)).toBe(true);

  program.kill('SIGKILL');
  const next = await start({ port: Number(orphaned.address.split(':')[1]) });
  await expect.poll(() => isRunning(orphaned.pid), { timeout: 5_000 }).toBe(false);
  expect(next.address).toBe(orphaned.address);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
