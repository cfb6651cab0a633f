import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { settingsSchema } from '../../src/config.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = await readFile(join(ROOT, 'docs', 'configuration.md'), 'utf8');

test('docs/configuration.md says what the schema says; `npm run docs:configuration` writes it', async () => {
  const script = join(ROOT, 'scripts', 'write-configuration.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--print'], { timeout: 25_000 });
  expect(PAGE).toBe(stdout);
});

test('every setting is on the page once', () => {
  const named = [...PAGE.matchAll(/^\| `([A-Z_]+)` \| .* \| .* \| .* \|$/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual(Object.keys(settingsSchema.shape).sort());
});

test('a secret is marked as one', () => {
  expect(rowOf('VASTAI_API_KEY')).toContain('**secret**');
  expect(rowOf('VASTAI_BUDGET_LIMIT')).not.toContain('**secret**');
});

function rowOf(name: string): string {
  return PAGE.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? '';
}
