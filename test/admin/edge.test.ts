import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { readinessAnswer } from '../../src/admin/answers.ts';
import { idleView } from '../../src/domain/session.ts';
import { makeLogger } from '../../src/logging.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const idle = () => scriptedSessions({ status: async (session) => idleView(session) });
const STATUS = '/api/admin/vllm/status';
const documentSchema = z.object({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) });

test.each([
  ['no token', null],
  ['a wrong token', 'wrong'],
  ['the beginning of the token', TOKEN.slice(0, -1)],
  ['more than the token', `${TOKEN}x`],
])('the admin API refuses %s, for calls it has and for those it has not', async (_words, token) => {
  await using edge = await startHttpEdge({ sessions: idle() });
  for (const path of [STATUS, '/api/admin/none']) {
    const answer = await edge.ask(path, { token });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await answer.json()).toMatchObject({ kind: 'unauthorized', status: 401 });
  }
  expect(edge.sessions.calls).toEqual([]);
});

test('an eleventh wrong token within a minute is 429, and never keeps the owner out', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  const statuses = [];
  for (let guess = 1; guess <= 11; guess++) {
    const path = guess % 2 === 0 ? '/v1/models' : STATUS;
    statuses.push((await edge.ask(path, { token: `guess-${guess}` })).status);
  }
  expect(statuses).toEqual([...Array(10).fill(401), 429]);
  const refused = await edge.ask(STATUS, { token: 'guess-12' });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ kind: 'too-many' });
  expect((await edge.ask(STATUS)).status).toBe(200);
});

test('any number of right tokens is taken', async () => {
  await using edge = await startHttpEdge({ sessions: idle() });
  for (let call = 0; call < 25; call++) expect((await edge.ask(STATUS)).status).toBe(200);
});

test('no token is ever logged, right or wrong, at any level', async () => {
  const lines: string[] = [];
  await using edge = await startHttpEdge({
    sessions: idle(),
    logger: () => makeLogger('trace', sink(lines)),
  });
  await edge.ask(STATUS);
  await edge.ask(STATUS, { token: 'wrong-token-of-somebody' });
  await edge.ask('/v1/chat/completions', { json: {} });
  await edge.ask(`/api/admin/vllm/launch`, {
    method: 'POST',
    body: '{',
    headers: { 'content-type': 'application/json' },
  });
  expect(lines.length).toBeGreaterThan(3);
  expect(lines.join('')).not.toMatch(new RegExp(`${TOKEN}|wrong-token-of-somebody`));
});

test('the logger hides a token in whatever it is handed', () => {
  const lines: string[] = [];
  const logger = makeLogger('info', sink(lines));
  const headers = { authorization: `Bearer ${TOKEN}`, cookie: TOKEN };
  logger.info({ headers });
  logger.info({ req: { headers } });
  logger.error({ err: Object.assign(new Error('failed'), { request: { headers } }) });
  expect(lines).toHaveLength(3);
  expect(lines.join('')).toMatch(/\[redacted\]/);
  expect(lines.join('')).not.toMatch(TOKEN);
});

test.each([
  ['malformed JSON', { body: '{"hedge":', headers: { 'content-type': 'application/json' } }, 400],
  [
    'a poisoned prototype',
    { body: '{"__proto__":{}}', headers: { 'content-type': 'application/json' } },
    400,
  ],
  ['another content type', { body: 'hedge=2', headers: { 'content-type': 'text/plain' } }, 415],
  [
    'a body too large',
    { body: `"${'x'.repeat(300_000)}"`, headers: { 'content-type': 'application/json' } },
    413,
  ],
])('%s is a clear problem', async (_words, init, status) => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/api/admin/vllm/launch', { method: 'POST', ...init });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(await answer.json()).toMatchObject({
    kind: 'invalid',
    status,
    detail: expect.stringMatching(/body/),
  });
});

test.each([
  ['GET', '/nowhere'],
  ['GET', '/api/admin/vllm/launch'],
  ['POST', '/api/admin/nothing'],
])('%s %s, which is no call, is a 404 problem', async (method, path) => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask(path, { method });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ kind: 'not-found', detail: expect.stringContaining(path) });
});

test('a path that cannot be read is a problem and no crash', async () => {
  await using edge = await startHttpEdge();
  const answer = await edge.ask('/api/%zz');
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ kind: 'invalid' });
});

test('liveness and readiness need no token', async () => {
  const all = { temporal: true, worker: true, schedules: true, market: true, details: [] };
  let readiness = all;
  await using edge = await startHttpEdge({
    sessions: scriptedSessions({ readiness: async () => readiness }),
  });
  expect((await edge.ask('/healthz', { token: null })).status).toBe(200);
  const ready = await edge.ask('/readyz', { token: null });
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, ...all }]);
  for (const part of ['temporal', 'worker', 'schedules', 'market']) {
    readiness = { ...all, [part]: false };
    const answer = await edge.ask('/readyz', { token: null });
    expect([answer.status, readinessAnswer.parse(await answer.json()).ready]).toEqual([503, false]);
  }
});

test('metrics count requests by route and open sessions by state over all pages', async () => {
  const summary = {
    session: 'default',
    state: 'READY' as const,
    outcome: null,
    gpu: null,
    instanceId: null,
    usdPerHour: null,
    startedAtMs: 0,
    endedAtMs: null,
    run: null,
  };
  const sessions = scriptedSessions({
    status: async (session) => idleView(session),
    list: async ({ after }) =>
      after === undefined
        ? { items: [summary, { ...summary, state: 'BOOTING' }], next: 'more' }
        : { items: [summary], next: null },
  });
  await using edge = await startHttpEdge({ sessions });
  await (await edge.ask(`${STATUS}?session=secret-name`)).text();
  await (await edge.ask('/nowhere')).text();
  const metrics = await edge.ask('/metrics', { token: null });
  expect(metrics.headers.get('content-type')).toMatch(/^text\/plain/);
  const text = await metrics.text();
  expect(text).toMatch(/leash_sessions\{state="READY"\} 2\n/);
  expect(text).toMatch(/leash_sessions\{state="BOOTING"\} 1\n/);
  expect(text).toMatch(/leash_sessions\{state="LAUNCHING"\} 0\n/);
  expect(text).toMatch(/leash_gateway_sessions 0\n/);
  expect(text).toMatch(/_count\{method="GET",route="\/api\/admin\/vllm\/status",status="200"\} 1\n/);
  expect(text).toMatch(/_count\{method="GET",route="none",status="404"\} 1\n/);
  expect(text).toMatch(/process_resident_memory_bytes \d/);
});

test('metrics still answer while Temporal does not', async () => {
  await using edge = await startHttpEdge();
  const metrics = await edge.ask('/metrics');
  expect(metrics.status).toBe(200);
  const text = await metrics.text();
  expect(text).toMatch(/leash_gateway_sessions 0/);
  expect(text).not.toMatch(/leash_sessions\{/);
});

test('the OpenAPI document describes the calls there are, from the schemas they are parsed with', async () => {
  await using edge = await startHttpEdge();
  const document = documentSchema.parse(await (await edge.ask('/api/openapi.json', { token: null })).json());
  expect(document.openapi).toMatch(/^3\.1/);
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining([
      '/api/admin/budget',
      '/api/admin/events',
      '/api/admin/guarantees',
      '/api/admin/reap',
      '/api/admin/schedules',
      '/api/admin/schedules/{id}',
      '/api/admin/sessions',
      '/api/admin/sessions/{name}/events',
      '/api/admin/sessions/{name}/logs',
      '/api/admin/sessions/{name}/samples',
      '/api/admin/settings',
      '/api/admin/vllm/destroy',
      '/api/admin/vllm/extend',
      '/api/admin/vllm/launch',
      '/api/admin/vllm/status',
      '/api/session',
      '/healthz',
      '/metrics',
      '/readyz',
    ]),
  );
  expect(document.paths['/api/admin/vllm/launch']).toMatchObject({
    post: {
      security: [{ admin: [] }],
      requestBody: {
        content: {
          'application/json': {
            schema: {
              additionalProperties: false,
              properties: {
                hedge: { type: 'integer', minimum: 1, maximum: 3, default: 1 },
                keep_alive_minutes: { type: 'number', default: 45 },
                session: { default: 'default' },
              },
            },
          },
        },
      },
      responses: {
        200: {
          content: { 'application/json': { schema: { required: expect.arrayContaining(['created']) } } },
        },
        202: {
          content: { 'application/json': { schema: { required: expect.arrayContaining(['created']) } } },
        },
        default: { content: { 'application/problem+json': {} } },
      },
    },
  });
});

test('the tiers of LEASH_TIERS are those a launch falls back on', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'leash-tiers-')), 'tiers.json');
  const tier = { name: 'A40', gpu_names: ['A40'], vram_gb: 48, usd_per_hour_max: 0.5, priority: 1 };
  writeFileSync(file, JSON.stringify([tier]));
  const sessions = scriptedSessions({
    launch: async ({ session }) => ({ created: true, view: idleView(session) }),
  });
  await using edge = await startHttpEdge({ sessions, settings: { LEASH_TIERS: file } });
  await edge.ask('/api/admin/vllm/launch', { json: {} });
  expect(sessions.calls).toMatchObject([
    { given: { request: { tiers: [{ gpuNames: ['A40'], vramGb: 48 }] } } },
  ]);

  writeFileSync(file, JSON.stringify([{ ...tier, priority: 0, vram: 48 }]));
  const start = startHttpEdge({ settings: { LEASH_TIERS: file } });
  await expect(start).rejects.toThrow(/LEASH_TIERS: .*\[0\]\.priority[\s\S]*LEASH_TIERS: .*\[0\]\.vram/);
});

test('a port in use stops the start with a sentence that names LEASH_PORT', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    await expect(startHttpEdge({ settings: { LEASH_PORT: String(port) } })).rejects.toThrow(
      new RegExp(`127\\.0\\.0\\.1:${port}.*in use.*LEASH_PORT`),
    );
  } finally {
    holder.close();
  }
});

function sink(lines: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
}
