import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openAuthority } from '../../src/certificates.ts';
import { checkAuthority } from '../../src/cli/doctor/authority.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'leash-doctor-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const NINE_YEARS_MS = 9 * 365 * 86_400_000;

test('an authority that is whole is shown with its end', async () => {
  const { expiresAtMs } = await openAuthority({ home, issues: true });
  const check = checkAuthority({ home, isOn: true });
  expect(check).toMatchObject({ verdict: 'ok', remedy: null });
  expect(check.says).toContain(new Date(expiresAtMs).toISOString().slice(0, 10));
});

test('where there is none yet, nothing is wrong and none is made', () => {
  expect(checkAuthority({ home, isOn: true }).verdict).toBe('ok');
  expect(checkAuthority({ home, isOn: true }).says).toMatch(/made at the first start/);
});

test('near its end it says who renews it: a start where the key is, a copy where it is not', async () => {
  await openAuthority({ home, issues: true });
  const nowMs = Date.now() + NINE_YEARS_MS;
  expect(checkAuthority({ home, isOn: true, nowMs })).toMatchObject({
    verdict: 'warning',
    remedy: expect.stringMatching(/next start of a worker/),
  });
  rmSync(join(home, 'ca', 'ca-key.pem'));
  expect(checkAuthority({ home, isOn: true, nowMs }).remedy).toMatch(/Copy ca-cert\.pem/);
  expect(checkAuthority({ home, isOn: true, nowMs: nowMs + NINE_YEARS_MS }).verdict).toBe('broken');
});

test('a damaged one is broken, and plain HTTP is warned of', async () => {
  await openAuthority({ home, issues: true });
  expect(checkAuthority({ home, isOn: false }).says).toMatch(/plain HTTP/);
  writeFileSync(join(home, 'ca', 'ca-cert.pem'), 'cut short');
  expect(checkAuthority({ home, isOn: true })).toMatchObject({
    verdict: 'broken',
    says: expect.stringMatching(/holds no certificate/),
  });
});
