import { expect, test } from 'vitest';
import type { GuaranteesAnswer, SamplesAnswer, SessionsAnswer } from '../../src/admin/answers.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const samplesOf = async ({ api }: Stack, session: string, query = '') =>
  (await api.admin<SamplesAnswer>('GET', `sessions/${session}/samples${query}`)).body;
const guaranteesOf = async ({ api }: Stack) => (await api.admin<GuaranteesAnswer>('GET', 'guarantees')).body;

test('each look leaves a sample: health, rising cost, use and the GPU, until the session has ended', async () => {
  await using stack = await startStack();
  const { api } = stack;
  expect((await api.admin('GET', 'sessions/default/samples')).status).toBe(404);
  await api.launched(aLaunch());
  const { instance_id: instanceId } = await api.supervised('default');
  const answer = await fetch(`${api.url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'Qwen/Qwen2.5-7B-Instruct', prompt: 'Hello', max_tokens: 8 }),
  });
  expect(answer.status, await answer.text()).toBe(200);
  const { items, forecast } = await eventually('samples show the request', async () => {
    const read = await samplesOf(stack, 'default');
    return read.items.length >= 4 && (read.items.at(-1)?.generation_tokens_total ?? 0) > 8 ? read : null;
  });
  const [first, last] = [items[0], items.at(-1)];
  expect(last).toMatchObject({ is_ok: true, gpu_temp_c: 41, gpu_util_percent: expect.any(Number) });
  expect(last?.spent_usd).toBeGreaterThan(first?.spent_usd ?? Number.POSITIVE_INFINITY);
  expect(last?.prompt_tokens_total).toBeGreaterThan(0);
  expect(items.map(({ at }) => at)).toEqual(items.map(({ at }) => at).toSorted());
  const { budget, usd_per_hour } = await api.status('default');
  // Supervision sees traffic that the session is told of when the slice is over.
  expect(last?.spent_usd).toBeGreaterThan(budget.spent_usd - 0.01);
  expect(forecast).toMatchObject({ usd_per_hour, budget_usd: budget.limit_usd });
  expect(forecast.total_usd).toBeGreaterThan(budget.spent_usd);
  const newest = await samplesOf(stack, 'default', `?since=${items.at(-2)?.at}`);
  expect(newest.items.map(({ at }) => at)).not.toContain(items[0]?.at);

  const listed = await api.admin<SessionsAnswer>('GET', 'sessions');
  expect(listed.body.items[0]).toMatchObject({ model: 'Qwen/Qwen2.5-7B-Instruct', budget_usd: 1 });
  const guarded = await eventually('its guard is known', async () => {
    const { guard } = await guaranteesOf(stack);
    return guard.sessions[0]?.last_renewed_at ? guard : null;
  });
  expect(guarded).toMatchObject({
    minutes: 15,
    is_on: true,
    sessions: [{ session: 'default', instance_id: instanceId }],
  });
  const [lease] = guarded.sessions;
  expect(Date.parse(lease?.ends_at ?? '') - Date.parse(lease?.last_renewed_at ?? '')).toBe(15 * 60_000);

  const { attempts, usd } = await api.destroyed('default');
  expect(last?.spent_usd).toBeLessThan(usd.total);
  const [attempt] = attempts;
  const times = [attempt?.started_at, attempt?.created_at, attempt?.running_at, attempt?.ready_at].map(
    String,
  );
  expect(times).toEqual(times.toSorted());
  expect(attempt?.expected_ready_seconds).toBeGreaterThan(attempt?.expected_running_seconds ?? Number.NaN);
  expect((await samplesOf(stack, 'default')).forecast).toMatchObject({
    usd_per_hour: 0,
    total_usd: usd.total,
  });
});

test('an orphan that the reaper destroys is counted for ever, with why', async () => {
  await using stack = await startStack({ settings: { LEASH_REAP_INTERVAL_MINUTES: '0.05' } });
  const { api, books } = stack;
  expect(await guaranteesOf(stack)).toMatchObject({ orphans_found_ever: 0, orphans: [], unconfirmed: [] });
  const { label } = await api.launched(aLaunch()).then(async () => {
    const { attempts } = await api.supervised('default');
    return { label: attempts[0]?.label ?? '' };
  });
  const [contract] = await books.ours();
  const { client, close } = await connectClient(stack.temporal);
  await client.workflow.getHandle('session/default').terminate('by an operator').finally(close);
  await books.awaitGone(contract?.id ?? 0, 30_000);
  const kept = await eventually('it is counted', async () => {
    const guarantees = await guaranteesOf(stack);
    return guarantees.orphans_found_ever === 1 ? guarantees : null;
  });
  expect(kept.orphans).toMatchObject([
    { instance_id: contract?.id, label, why: expect.stringMatching(/\w/) },
  ]);
  expect(kept.reaper).toMatchObject({ interval_minutes: 0.05 });
  expect(Date.parse(kept.reaper.last_run_at ?? '')).toBeLessThanOrEqual(Date.now());
  expect(Date.parse(kept.reaper.next_run_at ?? '')).toBeGreaterThan(Date.now() - 10_000);
  expect(Date.parse(kept.audit.next_run_at ?? '')).toBeGreaterThan(Date.now());
});
