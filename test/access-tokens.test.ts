import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AccessTokens, AccessTokensError } from '../src/access-tokens.ts';
import { ConfigError, parseConfig } from '../src/config.ts';

test('the first line is the current token, and both have the role of their file', () => {
  const tokens = new AccessTokens({
    adminFile: fileOf('current-1\r\n  before-1 \n\n'),
    viewerFile: fileOf('viewer-12'),
  });
  expect(tokens.admin).toEqual(['current-1', 'before-1']);
  expect(['current-1', 'before-1', 'viewer-12', 'current', ''].map((token) => tokens.roleOf(token))).toEqual([
    ...['admin', 'admin', 'viewer'],
    ...[null, null],
  ]);
});

test.each([
  ['', /ADMIN_TOKEN_FILE .*line 1: a token has at least 8 characters/],
  ['short\n', /line 1: a token has at least 8 characters/],
  ['long-enough-1\nshort\n', /line 2: a token has at least 8 characters/],
  ['long-enough-1\nlong-enough-2\nlong-enough-3\n', /it has 3 lines/],
  ['long-enough-1\nlong-enough-1\n', /both lines are the same/],
  ['two words-of-it\n', /without spaces/],
])('a file of tokens that is %j is refused, and what is in it is not said back', (text, why) => {
  const open = () => new AccessTokens({ adminFile: fileOf(text) });
  expect(open).toThrow(AccessTokensError);
  expect(open).toThrow(why);
  expect(open).not.toThrow(/long-enough|short|two words/);
});

test('all that is wrong with both files is said at once', () => {
  const open = () => new AccessTokens({ adminFile: '/nowhere/admin', viewerFile: fileOf('short') });
  expect(open).toThrow(/ADMIN_TOKEN_FILE .*cannot be read \(ENOENT\)[\s\S]*VIEWER_TOKEN_FILE .*at least 8/);
});

test('a token of both roles is refused', () => {
  const adminFile = fileOf('current-1\nbefore-1');
  expect(() => new AccessTokens({ adminFile, viewerToken: 'before-1' })).toThrow(/an admin token too/);
});

test.each(['ADMIN_TOKEN', 'VIEWER_TOKEN'])('%s beside its file stops the start', (name) => {
  const both = { [name]: 'long-enough', [`${name}_FILE`]: '/somewhere/token' };
  expect(() => parseConfig(both)).toThrow(ConfigError);
  expect(() => parseConfig(both)).toThrow(`${name} and ${name}_FILE are both set`);
});

function fileOf(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'leash-tokens-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'tokens');
  writeFileSync(file, text);
  return file;
}
