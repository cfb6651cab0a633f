import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openAuthority } from '../../src/certificates.ts';
import { askModels } from '../../src/vllm/probe.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const homeOf = ({ environment }: Stack) => environment.LEASH_HOME ?? '';

test('an instance answers by TLS with the certificate made for it, and not at all in plain HTTP', async () => {
  await using stack = await startStack();
  await stack.api.launched(aLaunch({ session: 'secure' }));
  const { endpoint, attempts } = await stack.api.ready('secure');
  expect(endpoint).toMatch(/^https:\/\//);
  const { pinOf } = await openAuthority({ home: homeOf(stack), issues: false });
  const tls = pinOf(attempts.at(-1)?.label ?? '');
  const refused = await askModels(endpoint ?? '', 'not-the-key', { timeoutMs: 5_000, tls });
  expect(refused).toEqual({ kind: 'unauthorized' });
  const plain = (endpoint ?? '').replace('https:', 'http:');
  expect(await askModels(plain, 'not-the-key', { timeoutMs: 5_000 })).toMatchObject({ kind: 'not-serving' });
  expect((await stack.api.chat()).status).toBe(200);
  await stack.api.destroyed('secure');
});

test('with LEASH_INSTANCE_TLS=off it is plain HTTP, and a session keeps what it began with when the setting changes', async () => {
  await using stack = await startStack({ settings: { LEASH_INSTANCE_TLS: 'off' } });
  await stack.api.launched(aLaunch({ session: 'plain' }));
  expect((await stack.api.ready('plain')).endpoint).toMatch(/^http:\/\//);
  expect((await stack.api.chat()).status).toBe(200);

  await stack.stopWorker();
  const changed = await stack.serverProcess({ LEASH_INSTANCE_TLS: 'on' });
  await stack.workerProcess({ LEASH_INSTANCE_TLS: 'on' });
  await changed.api.launched(aLaunch({ session: 'secure' }));
  expect((await changed.api.ready('secure')).endpoint).toMatch(/^https:\/\//);
  const seenAtMs = Date.now();
  await changed.api.until(
    'plain',
    'is looked at by the worker of the new setting',
    ({ health, state }) => state === 'READY' && Date.parse(health.last_ok_at ?? '') > seenAtMs,
  );
  await changed.api.destroyed('plain');
  await changed.api.destroyed('secure');
});

test('an installation that lost its authority sends no key to its instances, says why, and gives them back', async () => {
  await using stack = await startStack();
  await stack.api.launched(aLaunch({ session: 'stranger' }));
  await stack.api.supervised('stranger');
  await stack.stopWorker();
  renameSync(join(homeOf(stack), 'ca'), join(homeOf(stack), 'ca-lost'));
  await stack.startWorker();
  expect(existsSync(join(homeOf(stack), 'ca', 'ca-key.pem'))).toBe(true);
  const receipt = await stack.api.ended('stranger');
  expect(receipt).toMatchObject({ outcome: 'unhealthy' });
  expect(receipt.reason).toMatch(/not of our authority/);
  await stack.books.expectAllWell(receipt);
});

test('an instance that shows another certificate while it starts is given back, and the next one is READY', async () => {
  await using stack = await startStack({ simulator: { timeScale: 40 } });
  await stack.api.launched(aLaunch({ session: 'early' }));
  await stack.api.until('early', 'was rented', ({ attempts }) => (attempts[0]?.instance_id ?? null) !== null);
  await stack.stopWorker();
  // What the first instance serves with was made by an authority that is not ours any more.
  renameSync(join(homeOf(stack), 'ca'), join(homeOf(stack), 'ca-lost'));
  await stack.startWorker();
  await stack.api.until(
    'early',
    'has failed once',
    ({ attempts }) => (attempts[0]?.failure ?? null) !== null,
  );
  const failed = await stack.api.status('early');
  expect(failed.attempts[0]?.failure).toMatchObject({ kind: 'wrong-certificate', whose: 'host' });
  const { endpoint, attempts } = await stack.api.ready('early', 90_000);
  const { pinOf } = await openAuthority({ home: homeOf(stack), issues: false });
  const tls = pinOf(attempts.at(-1)?.label ?? '');
  expect(await askModels(endpoint ?? '', 'not-the-key', { timeoutMs: 5_000, tls })).toEqual({
    kind: 'unauthorized',
  });
  await stack.books.expectAllWell(await stack.api.destroyed('early'));
});
