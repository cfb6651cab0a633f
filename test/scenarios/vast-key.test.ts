import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runLeash } from '../cli/run-leash.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const NARROW = JSON.parse(
  readFileSync(new URL('../../deploy/vast-permissions.json', import.meta.url), 'utf8'),
) as { api: Record<string, object> };

async function rightsCheck({ api, environment }: Stack, key: string, more: Record<string, string> = {}) {
  const env = { ...environment, VASTAI_API_KEY: key, ...more };
  const { out } = await runLeash(['doctor', '--json', '--url', api.url], { env });
  const { checks } = JSON.parse(out) as { checks: { name: string; verdict: string }[] };
  return checks.find(({ name }) => name === 'rights');
}

test('a key of the permissions we hand out carries a session from launch to its receipt', async () => {
  await using stack = await startStack({ worker: 'none' });
  const key = stack.market.makeKey(NARROW);
  expect(await rightsCheck(stack, key)).toMatchObject({ verdict: 'ok' });
  await stack.workerProcess({ VASTAI_API_KEY: key });
  await stack.api.launched(aLaunch());
  await stack.api.ready('default');
  await stack.api.destroyed('default');
  const refused = stack.market.requests().filter(({ status }) => status === 401);
  expect(refused.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

test('a key that can move money is refused, with the way to a narrower one, unless it is allowed', async () => {
  await using stack = await startStack({ worker: 'none' });
  const key = stack.market.makeKey({});
  const environment = { ...stack.environment, VASTAI_API_KEY: key };
  const refusal = await startWorkerProcess(environment).then(
    () => 'it started',
    (error: Error) => error.message,
  );
  expect(refusal).toContain('transfer credit (billing_write)');
  expect(refusal).toContain(
    'vastai create api-key --name leash --permission_file deploy/vast-permissions.json',
  );
  expect(refusal).toContain('LEASH_ALLOW_BROAD_KEY=true');
  expect(refusal).not.toContain(key);
  expect(await rightsCheck(stack, key)).toMatchObject({ verdict: 'broken' });

  const allowed = { LEASH_ALLOW_BROAD_KEY: 'true' };
  expect(await rightsCheck(stack, key, allowed)).toMatchObject({ verdict: 'warning' });
  await stack.workerProcess({ VASTAI_API_KEY: key, ...allowed });
});

test('the doctor names the permissions that a key lacks', async () => {
  await using stack = await startStack({ worker: 'none' });
  const { instance_write: _, billing_read: __, ...rest } = NARROW.api;
  expect(await rightsCheck(stack, stack.market.makeKey({ api: rest }))).toMatchObject({
    verdict: 'broken',
    says: expect.stringContaining('instance_write, billing_read'),
  });
});
