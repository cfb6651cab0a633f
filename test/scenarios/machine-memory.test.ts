import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MachinesAnswer, OffersAnswer } from '../../src/admin/answers.ts';
import { runLeash } from '../cli/run-leash.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    policy: { maxStartupMs: 10_000, bootTimeFactor: 1 / 300 },
    // What was rented is listed again with the next search, and searches are shared for 20 s.
    settings: { VASTAI_MAX_SEARCH_RETRIES: '100' },
  });
});
afterAll(() => stack[Symbol.asyncDispose]());

async function ask<Answer>(path: string, method = 'GET'): Promise<{ status: number; body: Answer }> {
  const answer = await fetch(`${stack.api.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${stack.token}` },
    signal: AbortSignal.timeout(30_000),
  });
  return { status: answer.status, body: (await answer.json()) as Answer };
}

test('a machine that failed one session is avoided by the next, shown, rented when named, and forgotten on demand', async () => {
  const { api, faults, labelPrefix } = stack;
  await faults({ fault: 'cdi-error', label_prefix: labelPrefix('first') });
  await api.launched(aLaunch({ session: 'first' }));
  const { attempts, machine_id: proven } = await api.ready('first');
  const bad = attempts.find(({ failure }) => failure !== null)?.machine_id ?? 0;
  await api.destroyed('first');

  const { body: known } = await ask<MachinesAnswer>('/api/admin/machines');
  expect(known.items).toMatchObject([
    { machine_id: bad, standing: 'avoided', score_factor: 0.25, failures: [{ kind: 'cdi-error' }] },
    { machine_id: proven, standing: 'proven', times_ready: 1, failures: [] },
  ]);
  const { body: offers } = await ask<OffersAnswer>('/api/admin/offers?explain=true&limit=100');
  expect(offers.items.map(({ machine_id }) => machine_id)).not.toContain(bad);
  const rejected = offers.rejected?.items.find(({ machine_id }) => machine_id === bad);
  expect(rejected?.reasons).toMatchObject([
    { kind: 'remembered', message: expect.stringMatching(/^remembered: cdi-error .* ago; avoided until /) },
  ]);

  await api.launched(aLaunch({ session: 'second', machines: [bad] }));
  expect((await api.ready('second')).machine_id).toBe(bad);
  await api.destroyed('second');
  const { body: after } = await ask<MachinesAnswer>(`/api/admin/machines?machine=${bad}`);
  // It has served since: it is believed again, and what it failed before lowers its score alone.
  expect(after.items).toMatchObject([{ standing: 'proven', avoided_until: null, times_ready: 1 }]);

  expect(await ask(`/api/admin/machines/${bad}`, 'DELETE')).toMatchObject({
    status: 200,
    body: { machine_id: bad, forgotten: true },
  });
  expect(await ask(`/api/admin/machines/${bad}`, 'DELETE')).toMatchObject({
    status: 404,
    body: { kind: 'not-found' },
  });
  expect((await ask<MachinesAnswer>(`/api/admin/machines?machine=${bad}`)).body.items).toEqual([]);
});

test('leash machines shows the table, one machine with its failures, and forgets', async () => {
  const { api, faults, labelPrefix } = stack;
  await faults({ fault: 'driver-too-old', label_prefix: labelPrefix('cli') });
  await api.launched(aLaunch({ session: 'cli' }));
  const { attempts } = await api.ready('cli');
  const bad = String(attempts.find(({ failure }) => failure !== null)?.machine_id);
  await api.destroyed('cli');
  const env = { ADMIN_TOKEN: stack.token, NO_COLOR: '1' };
  const leash = (...args: string[]) => runLeash(['machines', '--url', api.url, ...args], { env });

  const all = await leash();
  expect(all.out).toMatch(new RegExp(`${bad} +avoided until .* driver-too-old`));
  expect((await leash('--standing', 'proven')).out).not.toContain(bad);
  const one = await leash('--machine', bad);
  expect(one.out).toMatch(/driver-too-old .*avoided until/);
  expect(one.out).toMatch(/driver is too old/);
  expect(JSON.parse((await leash('--json', '--machine', bad)).out)).toMatchObject({ total: 1 });

  expect(await leash('--forget', bad)).toMatchObject({ code: 0 });
  expect((await leash('--machine', bad)).out).toMatch(/Nothing is remembered/);
  const again = await leash('--forget', bad);
  expect(again.code).not.toBe(0);
  expect(again.err).toMatch(/Nothing is remembered of machine/);
  expect((await leash('--standing', 'haunted')).code).toBe(2);
});
