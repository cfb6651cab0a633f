import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHttpEdge } from '../support/http-edge.ts';

const POLICY =
  "default-src 'none';script-src 'self';style-src 'self';connect-src 'self';img-src 'self' data:;" +
  "font-src 'self';manifest-src 'self';base-uri 'none';form-action 'self';frame-ancestors 'none'";
const INDEX = '<!doctype html><title>Leash of tests</title>';
const SCRIPT = 'console.log("a script of tests");';
const PAGE = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

let beside: string;
let dashboardDir: string;

beforeAll(() => {
  beside = mkdtempSync(join(tmpdir(), 'leash-dashboard-'));
  dashboardDir = join(beside, 'dashboard');
  mkdirSync(join(dashboardDir, 'assets'), { recursive: true });
  writeFileSync(join(beside, 'secret.txt'), 'not to be served');
  writeFileSync(join(dashboardDir, 'index.html'), INDEX);
  writeFileSync(join(dashboardDir, 'icon.svg'), '<svg/>');
  const script = join(dashboardDir, 'assets', 'index-abc123.js');
  writeFileSync(script, SCRIPT);
  writeFileSync(`${script}.br`, brotliCompressSync(SCRIPT));
  writeFileSync(`${script}.gz`, gzipSync(SCRIPT));
});

afterAll(() => rmSync(beside, { recursive: true, force: true }));

test('the dashboard is at /, and is asked for anew each time', async () => {
  await using edge = await startHttpEdge({ dashboardDir });
  const answer = await edge.ask('/', { token: null });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
  expect(answer.headers.get('cache-control')).toBe('no-cache');
  expect(await answer.text()).toBe(INDEX);
  const again = await askRaw(edge.url, '/', { 'if-none-match': answer.headers.get('etag') ?? '' });
  expect(again.status).toBe(304);
});

test('every page has the one policy: nothing inline, nothing from elsewhere, in nobody’s frame', async () => {
  await using edge = await startHttpEdge({ dashboardDir });
  for (const path of ['/', '/sessions/default', '/assets/index-abc123.js', '/api/session', '/nowhere']) {
    const answer = await edge.ask(path, { headers: PAGE });
    expect([path, answer.headers.get('content-security-policy')]).toEqual([path, POLICY]);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    expect(answer.headers.get('strict-transport-security')).toBeNull();
  }
});

test('assets are kept for a year, and come as compressed as the browser takes them', async () => {
  await using edge = await startHttpEdge({ dashboardDir });
  for (const [accepted, sent] of [
    ['br, gzip', 'br'],
    ['gzip', 'gzip'],
    ['identity', null],
  ] as const) {
    const answer = await edge.ask('/assets/index-abc123.js', {
      token: null,
      headers: { 'accept-encoding': accepted },
    });
    expect([answer.status, answer.headers.get('content-encoding')]).toEqual([200, sent]);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(answer.headers.get('content-type')).toMatch(/javascript/);
    expect(answer.headers.get('vary')).toMatch(/accept-encoding/i);
    expect(await answer.text()).toBe(SCRIPT);
  }
});

test('a file beside the index is served, and asked for anew', async () => {
  await using edge = await startHttpEdge({ dashboardDir });
  const answer = await edge.ask('/icon.svg', { token: null });
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
    200,
    expect.stringMatching(/^image\/svg/),
    'no-cache',
  ]);
});

test('a page of the dashboard is the index to a browser, and nothing to a program', async () => {
  await using edge = await startHttpEdge({ dashboardDir });
  for (const path of ['/sessions/default', '/costs?by=day', '/apiary']) {
    const page = await edge.ask(path, { token: null, headers: PAGE });
    expect([path, page.status, await page.text()]).toEqual([path, 200, INDEX]);
    expect((await edge.ask(path, { token: null })).status).toBe(404);
    expect((await edge.ask(path, { method: 'POST', token: null, headers: PAGE })).status).toBe(404);
  }
});

test.each(['/api', '/api/none', '/api/session/none', '/healthz/none', '/metrics/none', '/assets/none.js'])(
  '%s is no page, whoever asks',
  async (path) => {
    await using edge = await startHttpEdge({ dashboardDir });
    const answer = await edge.ask(path, { token: null, headers: PAGE });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ kind: 'not-found' });
  },
);

test('what needs a token is no page either', async () => {
  await using edge = await startHttpEdge({ dashboardDir });
  for (const path of ['/api/admin/none', '/v1/none']) {
    expect((await edge.ask(path, { token: null, headers: PAGE })).status).toBe(401);
    expect((await edge.ask(path, { headers: PAGE })).status).toBe(404);
  }
});

test('HEAD says what GET would, without a body', async () => {
  await using edge = await startHttpEdge({ dashboardDir });
  for (const path of ['/', '/sessions/default', '/assets/index-abc123.js']) {
    const answer = await edge.ask(path, { method: 'HEAD', token: null, headers: PAGE });
    expect([path, answer.status]).toEqual([path, 200]);
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(0);
    expect(await answer.text()).toBe('');
  }
});

test.each([
  '/assets/../../secret.txt',
  '/assets/..%2f..%2fsecret.txt',
  '/assets/%2e%2e/%2e%2e/secret.txt',
  '/assets/..\\..\\secret.txt',
  '/assets/....//....//secret.txt',
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/..%5csecret.txt',
  '/assets//etc/passwd',
  '/assets/index-abc123.js%00.txt',
])('%s leads out of the build to nothing', async (path) => {
  await using edge = await startHttpEdge({ dashboardDir });
  const { status, text } = await askRaw(edge.url, path);
  // Tidied up it may be the name of a page, which is the index.
  if (status === 200) expect(text).toBe(INDEX);
  else expect([400, 403, 404]).toContain(status);
  expect(text).not.toMatch(/not to be served|root:/);
});

test('without a build the page says what to do, and the API goes on', async () => {
  await using edge = await startHttpEdge({ dashboardDir: join(beside, 'missing') });
  for (const path of ['/', '/sessions/default']) {
    const answer = await edge.ask(path, { token: null, headers: PAGE });
    expect(answer.status).toBe(503);
    const page = await answer.text();
    expect(page).toMatch(/npm run build:dashboard/);
    expect(page).not.toMatch(/<style|<script|style=/);
  }
  expect((await edge.ask('/healthz', { token: null })).status).toBe(200);
  expect((await edge.ask('/assets/any.js', { token: null })).status).toBe(404);
});

test('a build that comes while the server runs is served without a start', async () => {
  const dir = join(beside, 'later');
  await using edge = await startHttpEdge({ dashboardDir: dir });
  expect((await edge.ask('/', { token: null })).status).toBe(503);
  mkdirSync(join(dir, 'assets'), { recursive: true });
  writeFileSync(join(dir, 'assets', 'new.js'), SCRIPT);
  writeFileSync(join(dir, 'index.html'), INDEX);
  expect((await edge.ask('/', { token: null })).status).toBe(200);
  expect(await (await edge.ask('/assets/new.js', { token: null })).text()).toBe(SCRIPT);
});

/** With path and headers as they are: `fetch` tidies up the one and adds to the other. */
function askRaw(url: string, path: string, headers = {}): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = request(
      { hostname, port, path, headers: { ...PAGE, ...headers } },
      async (answer: IncomingMessage) => {
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(await answer.toArray()).toString() });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}
