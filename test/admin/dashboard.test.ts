import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { startHttpEdge } from '../support/http-edge.ts';

const HTML = { accept: 'text/html,application/xhtml+xml' };
const directory = mkdtempSync(join(tmpdir(), 'leash-dashboard-'));
mkdirSync(join(directory, 'assets'));
writeFileSync(join(directory, 'index.html'), '<!doctype html><title>Leash</title>');
writeFileSync(join(directory, 'assets', 'index-abc.js'), 'plain');
writeFileSync(join(directory, 'assets', 'index-abc.js.br'), brotliCompressSync('compressed'));
writeFileSync(join(directory, 'secret.txt'), 'not of the build');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const startEdge = () => startHttpEdge({ dashboardDirectory: directory });

test.each(['/', '/launch', '/sessions/default', '/costs?by=day'])(
  '%s is the dashboard’s page, never kept by browsers',
  async (path) => {
    await using edge = await startEdge();
    const answer = await edge.ask(path, { token: null, headers: HTML });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    expect(await answer.text()).toContain('<title>Leash</title>');
  },
);

test('pages may run and reach what this server sends, and nothing else', async () => {
  await using edge = await startEdge();
  const { headers } = await edge.ask('/', { token: null, headers: HTML });
  expect(headers.get('content-security-policy')).toBe(
    "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;font-src 'self';connect-src 'self';manifest-src 'self';base-uri 'none';form-action 'self';frame-ancestors 'none'",
  );
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
});

test('files of the build are kept for a year, and sent as they were compressed', async () => {
  await using edge = await startEdge();
  const ask = (encoding: string) =>
    edge.ask('/assets/index-abc.js', { token: null, headers: { 'accept-encoding': encoding } });
  const [plain, compressed] = [await ask('identity'), await ask('br')];
  expect(await plain.text()).toBe('plain');
  expect(compressed.headers.get('content-encoding')).toBe('br');
  expect(await compressed.text()).toBe('compressed');
  for (const { headers } of [plain, compressed]) {
    expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(headers.get('content-type')).toMatch(/javascript/);
  }
});

test.each([
  '/api/none',
  '/api/admin/none',
  '/v1/none',
  '/readyz/x',
  '/assets/none.js',
  '/assets/',
  '/none.js',
])('%s is no page, whatever a browser accepts', async (path) => {
  await using edge = await startEdge();
  const headers = path === '/none.js' ? { accept: '*/*' } : HTML;
  const answer = await edge.ask(path, { headers });
  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-type')).toMatch(/json/);
});

test.each([
  '/assets/../secret.txt',
  '/assets/%2e%2e/secret.txt',
  '/assets/..%2fsecret.txt',
  '/secret.txt',
  '//etc/passwd',
])('%s leaves the build’s files alone', async (path) => {
  await using edge = await startEdge();
  const answer = await edge.ask(path, { token: null, headers: { accept: '*/*' } });
  expect(answer.status).toBe(404);
  expect(await answer.text()).not.toContain('not of the build');
});

test('a POST to a page is no page', async () => {
  await using edge = await startEdge();
  expect((await edge.ask('/launch', { method: 'POST', headers: HTML })).status).toBe(404);
});

test('where the dashboard is not built, it is said how to build it', async () => {
  await using edge = await startHttpEdge({ dashboardDirectory: join(directory, 'none') });
  const answer = await edge.ask('/', { token: null, headers: HTML });
  expect(answer.status).toBe(503);
  expect(await answer.text()).toContain('npm run build:dashboard');
});
