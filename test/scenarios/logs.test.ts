import { expect, test } from 'vitest';
import type { LogsAnswer } from '../../src/admin/answers.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { runLeash, startLeash } from '../cli/run-leash.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const logs = ({ api }: Stack, query = '') => api.admin<LogsAnswer>('GET', `sessions/default/logs${query}`);

test('a session’s log is shown without the keys that stand in it', async () => {
  const HF_TOKEN = 'hf_abcdefghijklmnopqrstuvwxyz012345';
  await using stack = await startStack({ settings: { HF_TOKEN } });
  await stack.api.launched(aLaunch());
  const { instance_id: instanceId } = await stack.api.ready('default');
  const { status, body } = await logs(stack);
  expect(status).toBe(200);
  expect(body.instance_id).toBe(instanceId);
  expect(body.lines.join('\n')).toMatch(/vLLM/);
  expect(body.lines.join('\n')).not.toMatch(/sk-leash-|hf_abc/);

  const few = await logs(stack, '?tail=2');
  expect(few.body.lines).toHaveLength(2);
  const some = await logs(stack, '?filter=vLLM');
  expect(some.body.lines.length).toBeGreaterThan(0);
  expect(some.body.lines.filter((line) => !line.includes('vLLM'))).toEqual([]);
  expect((await logs(stack, '?tail=0')).status).toBe(400);

  const { client, close } = await connectClient(stack.temporal);
  const asked = [];
  for await (const { workflowId } of client.workflow.list({ query: "WorkflowType = 'marketLog'" }))
    asked.push(workflowId);
  await close();
  expect(asked.every((id) => id.startsWith('market/logs-'))).toBe(true);
  await stack.api.destroyed('default');
  expect((await logs(stack)).status).toBe(404);
});

test('leash logs --follow shows what is new once, and ends with the session', async () => {
  await using stack = await startStack();
  const { api } = stack;
  await api.launched(aLaunch());
  await api.ready('default');
  const env = { ADMIN_TOKEN: stack.token, NO_COLOR: '1' };
  const once = await runLeash(['logs', '--tail', '3', '--url', api.url], { env });
  expect(once, once.err).toMatchObject({ code: 0 });
  expect(once.out.trimEnd().split('\n')).toHaveLength(3);

  await using following = startLeash(['logs', '--follow', '--tail', '500', '--url', api.url], { env });
  await following.awaitOutput(/vLLM/);
  await api.destroyed('default');
  const end = await following.ended();
  expect(end, end.err).toMatchObject({ code: 0, err: expect.stringContaining('has no instance') });
  const banner = end.out.split('\n').filter((line) => /Starting vLLM/.test(line));
  expect(new Set(banner).size).toBe(banner.length);
});

test('without a worker nobody can ask the market for a log', async () => {
  await using stack = await startStack();
  await stack.api.launched(aLaunch());
  await stack.api.ready('default');
  await stack.stopWorker();
  expect(await logs(stack)).toMatchObject({ status: 503, body: { kind: 'no-worker' } });
  await stack.startWorker();
  await stack.api.destroyed('default');
});
