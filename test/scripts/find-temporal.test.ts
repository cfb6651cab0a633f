import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  cachedTemporalCli,
  findTemporal,
  findTemporalCli,
  findTimeSkippingServer,
} from '../../scripts/find-temporal.mjs';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'leash-find-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function aProgram(path: string, mode = 0o755): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '#!/bin/sh\n');
  await chmod(path, mode);
  return path;
}

test('a server by address comes first, then the named program, then PATH, then the cache', async () => {
  const named = await aProgram(join(home, 'named'));
  const onPath = await aProgram(join(home, 'bin', 'temporal'));
  const environment: Record<string, string> = { XDG_CACHE_HOME: home, PATH: `/nowhere:${dirname(onPath)}` };
  const cached = await aProgram(cachedTemporalCli(environment));

  expect(findTemporal({ ...environment, TEMPORAL_ADDRESS: 'there:7233', LEASH_TEMPORAL_CLI: named })).toEqual(
    {
      kind: 'address',
      address: 'there:7233',
    },
  );
  expect(findTemporal({ ...environment, LEASH_TEMPORAL_CLI: named })).toEqual({
    kind: 'cli',
    path: named,
    from: 'LEASH_TEMPORAL_CLI',
  });
  expect(findTemporal(environment)).toEqual({ kind: 'cli', path: onPath, from: 'PATH' });
  expect(findTemporal({ ...environment, PATH: '' })).toEqual({ kind: 'cli', path: cached, from: 'cache' });
});

test('tests look for a program of their own, whatever TEMPORAL_ADDRESS says', async () => {
  const named = await aProgram(join(home, 'named'));
  const found = findTemporalCli({ TEMPORAL_ADDRESS: 'production:7233', LEASH_TEMPORAL_CLI: named });
  expect(found).toMatchObject({ kind: 'cli', path: named });
});

test('a named program that cannot be run is told, and nothing is taken in its place', async () => {
  const onPath = await aProgram(join(home, 'bin', 'temporal'));
  const named = await aProgram(join(home, 'not-a-program'), 0o644);
  const found = findTemporal({ LEASH_TEMPORAL_CLI: named, PATH: dirname(onPath) });
  expect(found).toEqual({ kind: 'missing', why: expect.stringContaining(`LEASH_TEMPORAL_CLI is ${named}`) });
});

test('a directory called temporal on PATH is not the program', async () => {
  await mkdir(join(home, 'bin', 'temporal'), { recursive: true });
  const found = findTemporal({ XDG_CACHE_HOME: home, PATH: join(home, 'bin') });
  expect(found).toEqual({ kind: 'missing', why: expect.stringContaining('node scripts/setup.mjs') });
  expect(findTimeSkippingServer({ XDG_CACHE_HOME: home })).toBeNull();
});
