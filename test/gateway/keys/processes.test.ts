import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { type KeyPlace, KINDS, keyPlaces, makeKey, openKeys, POSTGRES_BIN } from './places.ts';

const places = keyPlaces();
beforeAll(places.start, 60_000);
afterAll(places.stop);

const SPENDER = fileURLToPath(new URL('./spender.ts', import.meta.url));
const soon = { withinMs: 30_000, everyMs: 50 };

/** Another process with the same keys. */
function startSpender(place: KeyPlace, token: string, requests: number) {
  const child: ChildProcess = spawn(
    process.execPath,
    [SPENDER, JSON.stringify(place), token, String(requests)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  return {
    say: (word: string) => child.stdin?.write(`${word}\n`),
    ready: () => eventually('it is ready', () => out.includes('ready'), soon),
    taken: async () =>
      Number((await eventually('it has asked', () => out.match(/taken (\d+)/)?.[1], soon)) ?? 0),
    end: async (how: 'close' | 'kill') => {
      const exited = once(child, 'exit');
      if (how === 'kill') child.kill('SIGKILL');
      else child.stdin?.write('close\n');
      await exited;
    },
  };
}

describe.each(KINDS)('processes that share a budget in %s', (kind) => {
  const it = test.skipIf(kind === 'PostgreSQL' && POSTGRES_BIN === null);

  it('two of them with a hundred requests each serve fifty for the money of fifty', {
    timeout: 60_000,
  }, async () => {
    const place = places.fresh(kind);
    const keys = await openKeys(place);
    const { token } = await makeKey(keys, { budget: { usd: 0.5, period: 'total' } });
    const both = [startSpender(place, token, 100), startSpender(place, token, 100)];
    await Promise.all(both.map((one) => one.ready()));
    for (const one of both) one.say('go');
    const taken = await Promise.all(both.map((one) => one.taken()));
    const sum = taken.reduce((all, one) => all + one, 0);
    expect(sum, taken.join(' + ')).toBe(50);
    await Promise.all(both.map((one) => one.end('close')));
    expect((await keys.book.list())[0]?.spent).toMatchObject({ usd: 0.5, heldUsd: 0 });
  });

  it('one that is killed loses nobody more than what it held, and frees nothing that was spent', {
    timeout: 60_000,
  }, async () => {
    const place = places.fresh(kind);
    const clock = { aheadMs: 0 };
    const keys = await openKeys(place, { nowMs: () => Date.now() + clock.aheadMs });
    const { token, key } = await makeKey(keys, { budget: { usd: 0.5, period: 'total' } });
    const doomed = startSpender(place, token, 30);
    await doomed.ready();
    doomed.say('go');
    expect(await doomed.taken()).toBe(30);
    await doomed.end('kill');
    clock.aheadMs = 120_000;
    // A look at the budget is what finds what the dead one held.
    const begun = Promise.resolve(
      keys.begin(key, { model: 'qwen', promptTokensAtMost: 1, completionTokensAtMost: 1, usdAtMost: 0.01 }),
    );
    (await begun).settle({ promptTokens: 0, completionTokens: 0, usd: 0 });
    const spent = (await keys.book.list())[0]?.spent?.usd ?? 0;
    expect(spent).toBeGreaterThanOrEqual(0.3);
    expect(spent).toBeLessThanOrEqual(0.3 + 0.5 * 0.02);
  });
});
