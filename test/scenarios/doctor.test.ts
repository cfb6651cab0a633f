import { expect, test } from 'vitest';
import { runLeash } from '../cli/run-leash.ts';
import { eventually } from '../support/eventually.ts';
import { type Stack, startStack } from '../support/stack.ts';

type Check = { name: string; verdict: string; says: string; remedy: string | null };

async function doctor({ api, environment }: Stack, env: Record<string, string> = {}) {
  const run = await runLeash(['doctor', '--json', '--url', api.url], { env: { ...environment, ...env } });
  const { checks } = JSON.parse(run.out) as { checks: Check[] };
  return {
    code: run.code,
    out: run.out,
    named: (name: string) => checks.find((check) => check.name === name),
    wrong: checks.filter(({ verdict }) => verdict !== 'ok').map(({ name }) => name),
  };
}

test('where all is well the doctor says so of each part, and shows no key', async () => {
  await using stack = await startStack();
  const seen = await eventually(
    'the reaper’s first run has found nothing',
    async () => {
      const said = await doctor(stack);
      const isOver = /: 0 found, 0 destroyed, 0 left$/.test(said.named('schedule reap-orphans')?.says ?? '');
      return isOver ? said : null;
    },
    { withinMs: 60_000, everyMs: 500 },
  );
  expect(seen.wrong, seen.out).toEqual([]);
  expect(seen.code).toBe(0);
  for (const name of [
    'node',
    'home',
    'instance TLS',
    'server',
    'ready',
    'temporal',
    'namespace',
    'search attributes',
    'worker',
  ])
    expect(seen.named(name), name).toBeDefined();
  for (const name of [
    'schedule reap-orphans',
    'installation',
    'clock',
    'key',
    'credit',
    'rights',
    'left behind',
  ])
    expect(seen.named(name), name).toBeDefined();
  expect(seen.out).not.toContain(stack.market.key);
  expect(seen.out).not.toContain(stack.token);
});

test('a wrong key, a missing worker and a Temporal that is not there are each named with their remedy', async () => {
  await using stack = await startStack({ worker: 'none', simulator: { key: 'the-only-good-key' } });
  const bad = await doctor(stack, { VASTAI_API_KEY: 'some-other-key' });
  expect(bad.code).toBe(1);
  expect(bad.named('key')).toMatchObject({
    verdict: 'broken',
    remedy: expect.stringMatching(/VASTAI_API_KEY/),
  });
  expect(bad.named('worker')).toMatchObject({ verdict: 'broken', remedy: expect.stringMatching(/leash up/) });

  const alone = await doctor(stack, { TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(alone.code).toBe(1);
  expect(alone.named('temporal')).toMatchObject({
    verdict: 'broken',
    remedy: expect.stringMatching(/TEMPORAL_ADDRESS/),
  });
  expect(alone.named('key')).toMatchObject({ verdict: 'ok' });
});

test('what a lost home left running is shown with its price and what ends it', async () => {
  await using stack = await startStack();
  const expired = Math.floor(Date.now() / 1_000) - 3_600;
  const [id] = await stack.rentForOthers([`leash.zzzzzzzzzz.work.abcdefghij.1.x${expired}`]);
  const seen = await doctor(stack);
  expect(seen.named('left behind')).toMatchObject({
    verdict: 'warning',
    says: expect.stringMatching(new RegExp(`\\$[0-9.]+/h together: ${id}$`)),
    remedy: expect.stringContaining('leash reap --owner zzzzzzzzzz'),
  });
  expect(seen.code).toBe(0);
});

test('a setting that is wrong is the doctor’s first word', async () => {
  const run = await runLeash(['doctor'], { env: { VASTAI_BUDGET_LIMIT: 'much', NO_COLOR: '1' } });
  expect(run.code).toBe(1);
  expect(run.out).toMatch(/XX {2}settings/);
  expect(run.out).toMatch(/VASTAI_BUDGET_LIMIT/);
});
