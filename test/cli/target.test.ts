import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeServerNote } from '../../src/cli/server-note.ts';
import { findTarget } from '../../src/cli/target.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'leash-target-'));
  mkdirSync(join(home, 'simulated'));
  writeFileSync(join(home, 'admin-token'), 'real-token\n');
  writeFileSync(join(home, 'simulated', 'admin-token'), 'simulated-token\n');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function tokens(target: { tokens: readonly { value: string }[] }): string[] {
  return target.tokens.map((token) => token.value);
}

test('without settings the server is on port 8080 of this machine', () => {
  expect(findTarget({}, { LEASH_HOME: home }).url).toBe('http://127.0.0.1:8080');
});

test('LEASH_HOST and LEASH_PORT say where the server is; --url has the last word', () => {
  const environment = { LEASH_HOME: home, LEASH_HOST: '0.0.0.0', LEASH_PORT: '9000' };
  expect(findTarget({}, environment).url).toBe('http://127.0.0.1:9000');
  expect(findTarget({ url: 'http://elsewhere:1/' }, environment).url).toBe('http://elsewhere:1');
});

test('ADMIN_TOKEN comes before any file', () => {
  expect(tokens(findTarget({}, { LEASH_HOME: home, ADMIN_TOKEN: 'given-token' }))).toEqual(['given-token']);
});

test('a home with two installations offers the token of the one that the account speaks for first', () => {
  expect(tokens(findTarget({}, { LEASH_HOME: home }))).toEqual(['simulated-token', 'real-token']);
  expect(tokens(findTarget({}, { LEASH_HOME: home, VASTAI_API_KEY: 'key' }))).toEqual([
    'real-token',
    'simulated-token',
  ]);
});

test('a server on another machine is never shown a second token', () => {
  const target = findTarget({ url: 'https://leash.example' }, { LEASH_HOME: home });
  expect(tokens(target)).toEqual(['simulated-token']);
});

test('the `leash up` of this home says where it answers and which token opens it', () => {
  const tokenFile = join(home, 'admin-token');
  writeServerNote(home, { url: 'http://127.0.0.1:41234', token_file: tokenFile, pid: process.pid });
  const target = findTarget({}, { LEASH_HOME: home });
  expect(target.url).toBe('http://127.0.0.1:41234');
  expect(tokens(target)).toEqual(['real-token', 'simulated-token']);
});

test('the note of a `leash up` that is gone is not believed', () => {
  const goneForSure = 2 ** 22 + 1;
  writeServerNote(home, { url: 'http://127.0.0.1:41234', token_file: null, pid: goneForSure });
  expect(findTarget({}, { LEASH_HOME: home }).url).toBe('http://127.0.0.1:8080');
});
