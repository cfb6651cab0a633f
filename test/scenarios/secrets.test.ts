import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openInstallation } from '../../src/installation.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { sessionWorkflowId } from '../../src/workflows/ids.ts';
import { touchSignal } from '../../src/workflows/messages.ts';
import { type ScanSubject, scanForSecrets } from '../support/secrets-scan.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const HF_TOKEN = 'hf_ScanScanScanScanScanScan';
const SETTINGS = {
  HF_TOKEN,
  LEASH_IMAGE_LOGIN: '-u scan -p scan-"pass/word registry.example',
  VIEWER_TOKEN: 'scan-viewer-token-0123456789',
  LEASH_LOG_LEVEL: 'debug',
};

const subjectOf = (stack: Stack, session: string): ScanSubject => ({
  sessions: [session],
  home: stack.environment.LEASH_HOME ?? '',
  environment: stack.environment,
  temporal: stack.temporal,
  api: { url: stack.api.url, token: stack.token },
  log: stack.log,
});

test('no secret is in a history, memo, log line, file or answer from a launch to its teardown', async () => {
  await using stack = await startStack({
    settings: SETTINGS,
    simulator: { key: 'scan-market-key-0123456789' },
  });
  const { api } = stack;
  await stack.faults({ call: 'create', fault: 'offer-gone' });
  await stack.faults({ fault: 'oci-error', label_prefix: stack.labelPrefix('whole') });
  await api.launched(aLaunch({ session: 'whole' }));
  const { attempts } = await api.supervised('whole');
  expect(attempts.some(({ failure }) => failure?.kind === 'oci-error')).toBe(true);
  expect((await api.chat()).status).toBe(200);
  await api.extend('whole', 5);
  expect((await scanForSecrets(subjectOf(stack, 'whole'))).findings).toEqual([]);
  await api.destroyed('whole');

  const after = await scanForSecrets(subjectOf(stack, 'whole'));
  expect(after.findings).toEqual([]);
  // Or it looked for nothing, in nothing.
  expect(after.secrets).toEqual(
    expect.arrayContaining([
      'VASTAI_API_KEY',
      'HF_TOKEN',
      'LEASH_IMAGE_LOGIN',
      'VIEWER_TOKEN',
      'secret',
      'admin-token',
      'a private key',
      expect.stringMatching(/^key of leash\..*\.whole\./),
    ]),
  );
  expect(after.events).toBeGreaterThan(50);
});

test('the scan finds a secret that was put where it does not belong, however it is written', async () => {
  await using stack = await startStack({ settings: SETTINGS });
  const subject = subjectOf(stack, 'planted');
  await stack.api.launched(aLaunch({ session: 'planted' }));
  const { attempts } = await stack.api.ready('planted');
  const label = attempts.at(-1)?.label ?? '';
  const key = openInstallation({ home: subject.home }).instanceKey(label);
  const { client, close } = await connectClient(stack.temporal);
  await client.workflow
    .getHandle(sessionWorkflowId('planted'))
    .signal(touchSignal, { note: Buffer.from(`x${key}`).toString('base64') })
    .finally(close);

  const planted = {
    'HF_TOKEN as it is': `token=${HF_TOKEN}`,
    'LEASH_IMAGE_LOGIN in JSON': JSON.stringify({ login: SETTINGS.LEASH_IMAGE_LOGIN }),
    'LEASH_IMAGE_LOGIN its password alone': 'scan-"pass/word',
    'VASTAI_API_KEY in base64': Buffer.from(`key ${stack.market.key} key`).toString('base64'),
    'secret in base64url': Buffer.from(readFileSync(join(subject.home, 'secret'))).toString('base64url'),
    'admin-token in a URL': `?token=${encodeURIComponent(stack.token)}`,
    'a private key of anybody': '-----BEGIN EC PRIVATE KEY-----',
  };
  const { findings } = await scanForSecrets({ ...subject, more: planted });
  const found = findings.map(({ secret, where }) => `${secret} in ${where}`);
  for (const where of Object.keys(planted)) {
    const secret = where.startsWith('a private key') ? 'a private key' : where.split(' ')[0];
    expect(found).toContainEqual(`${secret} in ${where}`);
  }
  expect(found).toContainEqual(
    expect.stringMatching(new RegExp(`^key of ${label.replaceAll('.', '\\.')} in session/planted: event`)),
  );
});
