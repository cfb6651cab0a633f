import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { makeSecrets } from '../../src/cli/setup/secrets.ts';
import { runLeash } from '../cli/run-leash.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leash-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function everything(): Record<string, string> {
  const files = ['.env', ...readdirSync(join(folder, 'secrets')).map((name) => join('secrets', name))];
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

test('every secret of docker-compose.yml is made, all different; a second time nothing changes', async () => {
  const first = await runLeash(['setup', 'secrets', '--directory', folder]);
  expect(first.code).toBe(0);
  expect(first.out.match(/^made: /gm)).toHaveLength(5);
  expect(first.out).toMatch(/^by hand: .*vastai-api-key is empty/m);
  const made = everything();
  const compose = parse(readFileSync('docker-compose.yml', 'utf8')) as { secrets: Record<string, unknown> };
  expect(readdirSync(join(folder, 'secrets')).sort()).toEqual(Object.keys(compose.secrets).sort());
  expect(new Set(Object.values(made)).size).toBe(Object.keys(made).length);
  expect(made['.env']).toMatch(/^LEASH_OWNER=[a-z0-9]{10}\n$/);

  const second = await runLeash(['setup', 'secrets', '--directory', folder]);
  expect(second.out).not.toMatch(/^made: /m);
  expect(everything()).toEqual(made);
  for (const text of Object.values(made))
    if (text !== '') expect(first.out + second.out).not.toContain(text.trim());
});

test('others on the machine are kept out, users of containers are not', () => {
  makeSecrets(folder);
  expect(statSync(join(folder, 'secrets')).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, 'secrets', 'admin-token')).mode & 0o777).toBe(0o644);
  expect(statSync(join(folder, '.env')).mode & 0o777).toBe(0o600);
});

test('what stands in .env stays, and the owner is added on a line of its own', () => {
  writeFileSync(join(folder, '.env'), 'LEASH_MODEL=mine');
  makeSecrets(folder);
  expect(everything()['.env']).toMatch(/^LEASH_MODEL=mine\nLEASH_OWNER=[a-z0-9]{10}\n$/);
});
