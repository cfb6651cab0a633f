import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { createProcessBackend } from '../../src/simulator/serving/process-backend.ts';
import { runLeash } from '../cli/run-leash.ts';
import { aMarket, aRenter, SOON } from '../simulator/renter.ts';
import { anOfficialClient } from '../simulator/serverless/official-client.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const HERE = fileURLToPath(new URL('.', import.meta.url));

/**
 * A market whose machines run start scripts, and a person at it with `leash` and Vast.ai's own client. `programs`
 * are model servers that the stand-in plays, by the names that start scripts call.
 */
export async function aStage({ programs = [] }: { programs?: readonly string[] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'leash-story-'));
  const path = [await playPrograms(folder, programs), process.env.PATH ?? ''].join(delimiter);
  const backend = createProcessBackend({ parentEnvironment: { ...process.env, PATH: path } });
  const logFile = join(folder, 'requests.log');
  const stateFile = join(folder, 'state.json');
  const market = await aMarket({ backend, logFile, stateFile });
  const env = {
    VASTAI_API_URL: market.url,
    VASTAI_API_KEY: market.key,
    LEASH_RATE_SCALE: '0',
    LEASH_HOME: folder,
    NO_COLOR: '1',
  };
  const leash = async (...words: readonly string[]): Promise<string> => {
    const { code, out, err } = await runLeash(['pyworker', ...words], { env });
    expect(code, `${out}${err}`).toBe(0);
    return out;
  };
  return {
    market,
    folder,
    leash,
    client: anOfficialClient(market.url, market.key),
    workers: () => market.serverless().workers,
    /** What the container of a worker has written. */
    readWorkerLog: async (id: number): Promise<string> => {
      const renter = aRenter(market.url, market.key);
      const asked = await renter.call('PUT', `/api/v0/instances/request_logs/${id}/`, { tail: '5000' });
      const read = () => fetch(asked.json.result_url);
      await expect.poll(async () => (await read()).status, SOON).toBe(200);
      return (await read()).text();
    },
    /** Whatever opens something: the account's key, those of its endpoints, the workers' tokens. */
    readSecrets: async (): Promise<string[]> => {
      const { serverless } = JSON.parse(await readFile(stateFile, 'utf8'));
      const keys = serverless.endpoints.map((endpoint: { key: string }) => endpoint.key);
      const tokens = serverless.workers.map((worker: { token: string }) => worker.token);
      return [market.key, ...keys, ...tokens];
    },
    readRequestLog: () => readFile(logFile, 'utf8'),
    /** Waits until as many workers are ready as are wanted; one that fails meanwhile is said with its log. */
    awaitReady: async (count: number): Promise<void> => {
      const states = () => market.serverless().workers.map(({ status }) => status);
      await expect
        .poll(states, { timeout: 90_000, interval: 100, message: 'workers that are ready' })
        .toEqual(Array(count).fill('idle'));
    },
    [Symbol.asyncDispose]: async () => {
      await market.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A folder for PATH in which each name starts the stand-in. */
async function playPrograms(folder: string, names: readonly string[]): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const name of names) {
    const file = join(bin, name);
    await writeFile(file, `#!/bin/sh\nexec "${process.execPath}" "${join(HERE, 'model-server.ts')}" "$@"\n`);
    await chmod(file, 0o755);
  }
  return bin;
}
