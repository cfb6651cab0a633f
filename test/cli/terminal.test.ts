import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { idleView, type SessionView } from '../../src/domain/session.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';
import { runInTerminal } from '../support/terminal.ts';
import { outsideWorld } from './run-leash.ts';

/** The command line as a process under a real pseudo-terminal, drawn by an emulator. */

const LEASH = fileURLToPath(new URL('../../bin/leash.mjs', import.meta.url));
const nowMs = Date.now();

function booting(set: Partial<SessionView> = {}): SessionView {
  return {
    ...idleView('default'),
    run: 'runrunrun1',
    state: 'BOOTING',
    detail: 'Pulling the image.',
    model: 'a/model',
    accepted: true,
    startedAtMs: nowMs,
    budget: { limitUsd: 2, spentUsd: 0.01, reservedUsd: 2, projectedBreachAtMs: nowMs + 7_200_000 },
    ...set,
  };
}

async function serving(status: () => SessionView) {
  const sessions = scriptedSessions({
    launch: async () => ({ created: true, view: booting() }),
    status: async () => status(),
  });
  return startHttpEdge({ sessions });
}

function leash(url: string, args: readonly string[], set: NodeJS.ProcessEnv = {}, columns = 80) {
  const env = { ...outsideWorld(), ADMIN_TOKEN: TOKEN, ...set };
  return runInTerminal([process.execPath, LEASH, ...args, '--url', url], { env, columns });
}

test('launch is a screen; Ctrl-C leaves the session, the cursor and how to end it', async () => {
  await using edge = await serving(booting);
  await using terminal = await leash(edge.url, ['launch']);
  await terminal.awaitText(/default {2}BOOTING[\s\S]*spent[\s\S]*Ctrl-C stops the watching only/);
  expect(terminal.screen.isCursorShown()).toBe(false);
  terminal.type('\u0003');
  expect(await terminal.ended()).toBe(130);
  const left = await terminal.screen.text();
  expect(left).toMatch(/Session default goes on without this command[\s\S]*leash destroy/);
  expect(left).not.toContain('Ctrl-C stops the watching only');
  expect(terminal.screen.isCursorShown()).toBe(true);
});

test('status --watch follows a terminal that is resized', async () => {
  await using edge = await serving(booting);
  await using terminal = await leash(edge.url, ['status', '--watch'], {}, 100);
  await terminal.awaitText(/Ctrl-C stops the watching only/);
  terminal.resize({ columns: 50, rows: 30 });
  const text = await terminal.awaitText(/goes\non\. End it: leash destroy$/);
  expect(text.match(/Ctrl-C/g)).toHaveLength(1);
  terminal.type('\u0003');
  expect(await terminal.ended()).toBe(130);
});

test('a terminal that can only print is given lines', async () => {
  await using edge = await serving(() => booting({ state: 'READY', readyAtMs: nowMs }));
  await using terminal = await leash(edge.url, ['launch'], { TERM: 'dumb' });
  expect(await terminal.ended()).toBe(0);
  expect(terminal.screen.raw()).toContain('READY');
  expect(terminal.screen.raw()).not.toContain('\u001b');
});

test.each([
  ['NO_COLOR', { NO_COLOR: '1' }, []],
  ['--no-color', {}, ['--no-color']],
])('%s takes the colours from a terminal', async (_how, set, args) => {
  await using edge = await serving(booting);
  await using plain = await leash(edge.url, ['status', ...args], set);
  await using coloured = await leash(edge.url, ['status']);
  expect([await plain.ended(), await coloured.ended()]).toEqual([0, 0]);
  expect(coloured.screen.raw()).toContain('\u001b[');
  expect(plain.screen.raw()).not.toContain('\u001b[');
});
