import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isSameSecret, openInstallation } from '../src/installation.ts';

const LABEL = 'leash.abcdefghi0.default.r0u1n2r3u4.1.x1790000000';
const homes: string[] = [];

function aHome(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leash-installation-'));
  homes.push(folder);
  return join(folder, 'home');
}

afterEach(() => {
  for (const folder of homes.splice(0)) rmSync(folder, { recursive: true });
});

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('a home', () => {
  test('is made with an owner, a secret and a token, which nobody else may read', () => {
    const home = aHome();
    const { owner, adminToken, isAdminTokenGenerated, hasKnownLedger } = openInstallation({ home });
    expect(owner).toMatch(/^[a-z0-9]{10}$/);
    expect(adminToken.length).toBeGreaterThanOrEqual(32);
    expect({ isAdminTokenGenerated, hasKnownLedger }).toEqual({
      isAdminTokenGenerated: true,
      hasKnownLedger: false,
    });
    expect(readdirSync(home).sort()).toEqual(['admin-token', 'installation.json', 'secret']);
    expect(modeOf(home)).toBe(0o700);
    for (const file of readdirSync(home)) expect(modeOf(join(home, file)), file).toBe(0o600);
  });

  test('opened again is the same installation', () => {
    const home = aHome();
    const first = openInstallation({ home });
    const second = openInstallation({ home });
    expect([second.owner, second.adminToken, second.instanceKey(LABEL)]).toEqual([
      first.owner,
      first.adminToken,
      first.instanceKey(LABEL),
    ]);
  });

  test('is another than any other home', () => {
    const one = openInstallation({ home: aHome() });
    const other = openInstallation({ home: aHome() });
    expect(other.owner).not.toBe(one.owner);
    expect(other.adminToken).not.toBe(one.adminToken);
    expect(other.instanceKey(LABEL)).not.toBe(one.instanceKey(LABEL));
  });

  test('remembers that it has seen its ledger, and stays private and whole', () => {
    const home = aHome();
    const first = openInstallation({ home });
    first.noteLedger();
    first.noteLedger();
    expect(first.hasKnownLedger).toBe(true);
    const again = openInstallation({ home });
    expect([again.hasKnownLedger, again.owner]).toEqual([true, first.owner]);
    expect(modeOf(join(home, 'installation.json'))).toBe(0o600);
    expect(readdirSync(home)).toHaveLength(3);
  });

  test('takes the owner it is given, and keeps it', () => {
    const home = aHome();
    expect(openInstallation({ home, owner: 'ownerowner' }).owner).toBe('ownerowner');
    expect(openInstallation({ home }).owner).toBe('ownerowner');
  });

  test('of one owner is not opened for another', () => {
    const home = aHome();
    openInstallation({ home, owner: 'ownerowner' });
    expect(() => openInstallation({ home, owner: 'otherowner' })).toThrow(
      /LEASH_OWNER is otherowner, but .* belongs to owner ownerowner\. Use another LEASH_HOME/,
    );
  });

  test.each(['', '{"owner":', 'null', '{}', '{"owner":"UPPERCASE1"}', '{"owner":"short"}'])(
    'whose identity reads %j is damaged, which is said, and is not made anew',
    (text) => {
      const home = aHome();
      openInstallation({ home });
      const file = join(home, 'installation.json');
      writeFileSync(file, text);
      expect(() => openInstallation({ home })).toThrow(
        /installation\.json is damaged\. Restore it from a backup/,
      );
      expect(readFileSync(file, 'utf8')).toBe(text);
    },
  );
});

describe('the admin token', () => {
  test('that was set is used, and none is made', () => {
    const home = aHome();
    const { adminToken, isAdminTokenGenerated } = openInstallation({ home, adminToken: 'set by hand' });
    expect([adminToken, isAdminTokenGenerated]).toEqual(['set by hand', false]);
    expect(readdirSync(home)).not.toContain('admin-token');
  });

  test('whose file was emptied stops the start: an empty token is one that anybody has', () => {
    const home = aHome();
    openInstallation({ home });
    writeFileSync(join(home, 'admin-token'), '\n');
    expect(() => openInstallation({ home })).toThrow(/admin token in .* is shorter than 8 characters/);
  });
});

describe('the secret', () => {
  test('may come from a file that many processes share', () => {
    const folder = aHome();
    const shared = openInstallation({ home: folder });
    const secretFile = join(folder, 'secret');
    const other = openInstallation({ home: aHome(), secretFile });
    expect(other.instanceKey(LABEL)).toBe(shared.instanceKey(LABEL));
    expect(readdirSync(other.home)).not.toContain('secret');
  });

  test('is not made where a file was named that does not exist', () => {
    const secretFile = `${aHome()}-missing`;
    expect(() => openInstallation({ home: aHome(), secretFile })).toThrow(
      `LEASH_SECRET_FILE names ${secretFile}`,
    );
  });

  test('that is too short is refused, and not shown', () => {
    const home = aHome();
    openInstallation({ home });
    chmodSync(join(home, 'secret'), 0o600);
    writeFileSync(join(home, 'secret'), 'hunter2');
    expect(() => openInstallation({ home })).toThrow(/shorter than 32 characters/);
    expect(() => openInstallation({ home })).not.toThrow(/hunter2/);
  });
});

test('each instance has a key of its own, the same whenever it is asked for', () => {
  const { instanceKey } = openInstallation({ home: aHome() });
  const keys = [1, 2, 3].map((attempt) => instanceKey(LABEL.replace('.1.', `.${attempt}.`)));
  expect(new Set(keys).size).toBe(3);
  expect(instanceKey(LABEL)).toBe(keys[0]);
  for (const key of keys) expect(key).toMatch(/^sk-leash-[A-Za-z0-9_-]{43}$/);
});

test('secrets are compared whole', () => {
  expect(isSameSecret('a secret', 'a secret')).toBe(true);
  for (const wrong of ['', 'a secre', 'a secret ', 'A secret', 'a secrets'])
    expect(isSameSecret(wrong, 'a secret')).toBe(false);
  expect(isSameSecret('ä', 'ä')).toBe(true);
});
