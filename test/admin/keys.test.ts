import { expect, test } from 'vitest';
import type { KeyCreatedAnswer, KeysAnswer } from '../../src/admin/answers.ts';
import { startHttpEdge } from '../support/http-edge.ts';

const VIEWER = 'a-viewer-of-tests';

test('a key is made, its token shown once, listed without it, and revoked as often as one likes', async () => {
  await using edge = await startHttpEdge();
  const order = {
    name: 'app',
    models: ['qwen', 'qwen'],
    requests_per_minute: 60,
    tokens_per_minute: 10_000,
    budget_usd: 2.5,
    budget_period: 'day',
    expires_at: new Date(Date.now() + 60_000).toISOString(),
  };
  const made = await edge.ask('/api/admin/keys', { json: order });
  expect(made.status).toBe(201);
  expect(made.headers.get('cache-control')).toBe('no-store');
  const { token, ...key } = (await made.json()) as KeyCreatedAnswer;
  expect(token).toMatch(/^sk-leash-[\w-]{43}$/);
  expect(key).toMatchObject({
    name: 'app',
    state: 'active',
    models: ['qwen'],
    requests_per_minute: 60,
    tokens_per_minute: 10_000,
    budget: { limit_usd: 2.5, period: 'day', spent_usd: 0, reserved_usd: 0 },
    expires_at: order.expires_at,
    last_used_at: null,
    revoked_at: null,
  });
  const listed = await (await edge.ask('/api/admin/keys')).text();
  expect(JSON.parse(listed)).toEqual({ items: [key], next: null });
  expect(listed).not.toContain(token);

  const revoked = await edge.ask(`/api/admin/keys/${key.id}`, { method: 'DELETE' });
  const answer = await revoked.json();
  expect(answer).toMatchObject({ id: key.id, state: 'revoked' });
  for (const idOrName of [key.id, 'app']) {
    const again = await edge.ask(`/api/admin/keys/${idOrName}`, { method: 'DELETE' });
    expect([again.status, await again.json()]).toEqual([200, answer]);
  }
  expect(edge.log.join('')).not.toContain(token);
});

test('a key that is not there is not found; a name that is in use is a conflict', async () => {
  await using edge = await startHttpEdge();
  const gone = await edge.ask('/api/admin/keys/nobody', { method: 'DELETE' });
  expect([gone.status, await gone.json()]).toMatchObject([404, { kind: 'not-found' }]);
  await edge.ask('/api/admin/keys', { json: { name: 'app' } });
  const taken = await edge.ask('/api/admin/keys', { json: { name: 'app' } });
  expect([taken.status, await taken.json()]).toMatchObject([409, { kind: 'conflict' }]);
});

test('everything wrong with an order is said at once', async () => {
  await using edge = await startHttpEdge();
  const json = {
    name: 'no spaces',
    models: [],
    requests_per_minute: 0.5,
    budget_usd: -1,
    expires_at: '2020-01-01T00:00:00Z',
    colour: 'red',
  };
  const answer = await edge.ask('/api/admin/keys', { json });
  expect(answer.status).toBe(400);
  const { problems } = (await answer.json()) as { problems: { field: string }[] };
  expect(problems.map(({ field }) => field).sort()).toEqual(Object.keys(json).sort());
  const alone = await edge.ask('/api/admin/keys', { json: { name: 'app', budget_period: 'day' } });
  expect(await alone.json()).toMatchObject({ problems: [{ field: 'budget_period' }] });
});

test('a key of the gateway opens no admin API, and the viewer makes and revokes none', async () => {
  await using edge = await startHttpEdge({ settings: { VIEWER_TOKEN: VIEWER } });
  const made = await edge.ask('/api/admin/keys', { json: { name: 'app' } });
  const { token, id } = (await made.json()) as KeyCreatedAnswer;
  expect((await edge.ask('/api/admin/keys', { token })).status).toBe(401);
  expect((await edge.ask('/api/admin/keys', { token: VIEWER, json: { name: 'b' } })).status).toBe(403);
  expect((await edge.ask(`/api/admin/keys/${id}`, { token: VIEWER, method: 'DELETE' })).status).toBe(403);
  const seen = (await (await edge.ask('/api/admin/keys', { token: VIEWER })).json()) as KeysAnswer;
  expect(seen.items.map(({ name, state }) => [name, state])).toEqual([['app', 'active']]);
});

test('the calls are in the OpenAPI document', async () => {
  await using edge = await startHttpEdge();
  const document = (await (await edge.ask('/api/openapi.json')).json()) as { paths: Record<string, object> };
  expect(Object.keys(document.paths['/api/admin/keys'] ?? {}).sort()).toEqual(['get', 'post']);
  expect(Object.keys(document.paths['/api/admin/keys/{id}'] ?? {})).toEqual(['delete']);
});
