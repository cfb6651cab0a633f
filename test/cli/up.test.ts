import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readBooks } from '../../src/cli/demo/books.ts';
import { readServerNote } from '../../src/cli/server-note.ts';
import { type LeashProcess, runLeash, startLeash } from './run-leash.ts';

/** `leash up` as an operator runs it: a process of its own, a home of its own, the simulated market. */

let home: string;
let environment: Record<string, string>;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'leash-up-'));
  const [api, simulator, temporal, ui] = await freePorts(4);
  environment = {
    NO_COLOR: '1',
    LEASH_HOME: home,
    LEASH_PORT: String(api),
    LEASH_SIMULATOR_PORT: String(simulator),
    LEASH_TEMPORAL_PORT: String(temporal),
    LEASH_TEMPORAL_UI_PORT: String(ui),
    LEASH_RATE_SCALE: '0',
    LEASH_DRAIN_SECONDS: '1',
    LEASH_SETTLE_SECONDS: '2',
    VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '2',
  };
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** All held at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(probes.map((probe) => once(probe, 'listening')));
  const ports = probes.map((probe) => {
    const address = probe.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(probes.map((probe) => once(probe.close(), 'close')));
  return ports;
}

const FAST_MARKET = ['up', '--time-scale', '600'];
const START_TIMEOUT_MS = 90_000;

async function startUp(set: Record<string, string> = {}): Promise<LeashProcess> {
  const up = startLeash(FAST_MARKET, { env: { ...environment, ...set } });
  await up.awaitOutput(/Up after/, START_TIMEOUT_MS);
  return up;
}

function leash(...args: string[]) {
  return runLeash(args, { env: environment });
}

function marketUrl(): string {
  return `http://127.0.0.1:${environment.LEASH_SIMULATOR_PORT}`;
}

/** The program itself; what was started is the launcher in front of it. */
function pidOfUp(): number {
  const note = readServerNote(home);
  if (note === null) throw new Error('no `leash up` runs in this home');
  return note.pid;
}

function temporalUnder(parent: number): number {
  const processes = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  const line = processes
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find(([, ppid, ...args]) => Number(ppid) === parent && args.includes('start-dev'));
  if (line === undefined) throw new Error('no Temporal server runs under it');
  return Number(line[0]);
}

async function liveContracts(): Promise<number> {
  const { contracts } = await readBooks(marketUrl());
  return contracts.filter((one) => one.label?.startsWith('leash.') && one.destroyed_at === null).length;
}

test('one command brings everything up, and a session goes from launch to receipt', {
  timeout: 180_000,
}, async () => {
  await using up = await startUp();
  expect(up.out()).toContain('simulated market');
  const tokenFile = join(home, 'simulated', 'admin-token');
  expect(up.out()).toContain(tokenFile);
  expect(up.out()).not.toContain(readFileSync(tokenFile, 'utf8').trim());
  expect(statSync(join(home, 'simulated', 'simulator-key')).mode & 0o777).toBe(0o600);

  const launched = await leash('launch', '--keep-alive', '10');
  expect(launched.err).toBe('');
  expect(launched.out).toMatch(/READY after/);
  expect(launched.code).toBe(0);

  // Another terminal knows the home, and no ports.
  const doctor = await runLeash(['doctor'], { env: { NO_COLOR: '1', LEASH_HOME: home } });
  expect(doctor.out).toMatch(/ok {2}temporal\s[\s\S]*ok {2}credit/);

  const extended = await leash('extend', '5', '--json');
  expect(JSON.parse(extended.out)).toMatchObject({ state: 'READY' });
  expect((await leash('sessions')).out).toMatch(/default\s+READY/);

  const destroyed = await leash('destroy');
  expect(destroyed.out).toContain('completed (requested)');
  expect(destroyed.code).toBe(0);
  expect(await liveContracts()).toBe(0);

  up.signal('SIGTERM');
  expect(await up.ended()).toMatchObject({ code: 0 });
});

test('Ctrl-C ends the open session, shows its end, and stops', { timeout: 180_000 }, async () => {
  await using up = await startUp();
  expect((await leash('launch')).code).toBe(0);
  up.signal('SIGINT');
  const { code, out } = await up.ended(90_000);
  expect(out).toMatch(/Ending default[\s\S]*default: gone; completed \(shutdown\)[\s\S]*Stopping/);
  expect(code).toBe(0);
});

test('sessions survive a stop when they are to be left, and a kill', { timeout: 240_000 }, async () => {
  {
    await using up = await startUp({ VASTAI_AUTO_DESTROY_ON_SHUTDOWN: 'false' });
    expect((await leash('launch')).code).toBe(0);
    up.signal('SIGINT');
    expect(await up.ended(60_000)).toMatchObject({ code: 0 });
  }
  {
    await using again = await startUp();
    expect(again.out()).toContain('Open from before, and going on: default.');
    expect(JSON.parse((await leash('status', '--json')).out)).toMatchObject({ state: 'READY' });
    expect(await liveContracts()).toBe(1);
    process.kill(pidOfUp(), 'SIGKILL');
    await again.ended();
  }
  await using last = await startUp();
  expect(await liveContracts()).toBe(1);
  expect((await leash('destroy')).code).toBe(0);
  expect(await liveContracts()).toBe(0);
  last.signal('SIGTERM');
  expect(await last.ended(60_000)).toMatchObject({ code: 0 });
});

test('when Temporal dies everything stops, says so and exits with a failure', {
  timeout: 180_000,
}, async () => {
  await using up = await startUp();
  process.kill(temporalUnder(pidOfUp()), 'SIGKILL');
  const { code, err } = await up.ended(60_000);
  expect(err).toMatch(/The Temporal ended by itself:/);
  expect(code).toBe(1);
});

test('a port that is taken is named with the setting that moves it', { timeout: 120_000 }, async () => {
  const squatter = createServer().listen(Number(environment.LEASH_PORT), '127.0.0.1');
  await once(squatter, 'listening');
  const { code, err } = await runLeash(FAST_MARKET, { env: environment });
  squatter.close();
  expect(err).toContain('LEASH_PORT');
  expect(code).toBe(1);
});
