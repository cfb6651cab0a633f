import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runLeash } from '../cli/run-leash.ts';
import { eventually } from '../support/eventually.ts';
import { startStack } from '../support/stack.ts';

const OLD = 'the-token-of-march';
const NEW = 'the-token-of-april';
const VIEWER = 'a-viewer-of-march';
/** Wrong tokens are counted, and a test that asks until one is wrong may ask too often. */
const REFUSED = [401, 429];

test('tokens are changed while the server runs: the new one counts within seconds, the old one until its line is gone', async () => {
  const files = tokenFiles();
  await using stack = await startStack({ worker: 'none' });
  const server = await stack.serverProcess({
    ADMIN_TOKEN_FILE: files.admin,
    VIEWER_TOKEN_FILE: files.viewer,
  });
  const { url } = server.api;
  const statusBy = async (headers: Record<string, string>, path = '/api/admin/access-log') =>
    (await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(10_000) })).status;
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const ofOld = { cookie: await signIn(url, OLD) };
  expect(await statusBy(bearer(OLD))).toBe(200);
  expect(await statusBy(bearer(VIEWER))).toBe(403);
  expect(await statusBy(bearer(NEW))).toBe(401);

  writeFileSync(files.admin, `${NEW}\n${OLD}\n`);
  await eventually('the new token is admitted', async () => (await statusBy(bearer(NEW))) === 200);
  expect(await statusBy(bearer(OLD))).toBe(200);
  expect(await statusBy(ofOld)).toBe(200);
  const sinceThen = { cookie: await signIn(url, OLD) };
  const ofNew = { cookie: await signIn(url, NEW) };
  const listed = await runLeash(['access-log', '--url', url], { env: { ADMIN_TOKEN_FILE: files.admin } });
  expect(listed, listed.err).toMatchObject({ code: 0 });

  writeFileSync(files.admin, `${NEW}\n`);
  await eventually('the old token is refused', async () => REFUSED.includes(await statusBy(bearer(OLD))));
  for (const path of ['/api/admin/access-log', '/api/session', '/v1/models']) {
    expect([path, await statusBy(ofOld, path)]).toEqual([path, 401]);
    expect([path, await statusBy(sinceThen, path)]).toEqual([path, 401]);
    expect([path, await statusBy(ofNew, path)]).toEqual([path, 200]);
  }
  expect(REFUSED).toContain(await statusBy(bearer(OLD), '/v1/models'));
  expect(await statusBy(bearer(NEW), '/v1/models')).toBe(200);

  // What is wrong changes nothing, of either role, and is told once.
  writeFileSync(files.viewer, `${NEW}\n`);
  await eventually('it is told', async () => {
    await statusBy(bearer(NEW));
    return server.output().includes('access tokens stay as they were read last');
  });
  expect(await statusBy(bearer(VIEWER))).toBe(403);
  expect(await statusBy(bearer(NEW))).toBe(200);
  rmSync(files.viewer);
  await eventually('it is told', async () => {
    await statusBy(bearer(NEW));
    return server.output().includes('VIEWER_TOKEN_FILE') && server.output().includes('ENOENT');
  });
  expect(await statusBy(bearer(VIEWER))).toBe(403);
  writeFileSync(files.viewer, 'a-viewer-of-april\n');
  await eventually('the viewer’s token is another', async () =>
    REFUSED.includes(await statusBy(bearer(VIEWER))),
  );
  for (const token of [OLD, NEW, VIEWER]) expect(server.output()).not.toContain(token);
});

async function signIn(url: string, token: string): Promise<string> {
  const answer = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
    signal: AbortSignal.timeout(10_000),
  });
  expect(answer.status).toBe(200);
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

function tokenFiles(): { admin: string; viewer: string } {
  const folder = mkdtempSync(join(tmpdir(), 'leash-tokens-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const files = { admin: join(folder, 'admin'), viewer: join(folder, 'viewer') };
  writeFileSync(files.admin, `${OLD}\n`);
  writeFileSync(files.viewer, `${VIEWER}\n`);
  return files;
}
