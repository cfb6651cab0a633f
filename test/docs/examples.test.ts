import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';

/**
 * The shell examples of the pages, run as they stand against a running installation. Only its address is put in
 * place of the default one. What cannot be run says why, in a comment on the line before it.
 */
type Example = {
  readonly page: string;
  readonly line: number;
  readonly code: string;
  readonly skip: string | null;
};

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs'), ...markdownIn('docs/tutorials')];
const EXAMPLES = PAGES.flatMap(examplesOf);
const RUN = EXAMPLES.filter(({ skip }) => skip === null);
const EXAMPLE_MS = 90_000;

let stack: Stack;
let place: string;
beforeAll(async () => {
  stack = await startStack();
  place = makePlace(stack);
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  rmSync(place, { recursive: true, force: true });
});

test('there are examples to run, and what is not run says why', () => {
  expect(RUN.length).toBeGreaterThanOrEqual(6);
  for (const { skip } of EXAMPLES) if (skip !== null) expect(skip.length).toBeGreaterThan(10);
});

// In the order of the pages: an example may build on the one before.
describe.each(RUN)('$page, line $line', ({ code }) => {
  test('does what it says', { timeout: EXAMPLE_MS + 10_000 }, async () => {
    const { code: exitCode, out } = await runInShell(code);
    expect(exitCode, out).toBe(0);
    // A refusal of the API is no failure to curl.
    expect(out).not.toMatch(/"kind":"(invalid|unauthorized|forbidden|not-found)"/);
    expect(out).not.toMatch(/invalid_request_error|invalid_api_key/);
  });
});

async function runInShell(code: string): Promise<{ code: number | null; out: string }> {
  const shell = spawn(
    'bash',
    ['-euo', 'pipefail', '-c', code.replaceAll('http://127.0.0.1:8080', stack.api.url)],
    {
      cwd: place,
      env: {
        PATH: [join(place, 'bin'), process.env.PATH ?? ''].join(delimiter),
        HOME: place,
        NO_COLOR: '1',
        LEASH_PORT: new URL(stack.api.url).port,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: EXAMPLE_MS,
    },
  );
  let out = '';
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  }
  const [exitCode] = (await once(shell, 'close')) as [number | null];
  return { code: exitCode, out };
}

/** A working directory as the reader's: the tokens in their files, the examples, `leash` and `npx leash`. */
function makePlace({ token }: Stack): string {
  const folder = mkdtempSync(join(tmpdir(), 'leash-examples-'));
  for (const home of ['.leash', '.leash/simulated']) {
    mkdirSync(join(folder, home), { recursive: true });
    writeFileSync(join(folder, home, 'admin-token'), token);
  }
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'));
  mkdirSync(join(folder, 'bin'));
  const leash = `exec '${process.execPath}' '${join(ROOT, 'bin', 'leash.mjs')}' "$@"`;
  for (const [name, script] of [
    ['leash', leash],
    ['npx', `shift\n${leash}`],
  ] as const) {
    const file = join(folder, 'bin', name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }
  return folder;
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const pattern = /(?:^[ \t]*<!-- not run by the tests: (.+?) -->\n)?^([ \t]*)```sh\n([\s\S]*?)^[ \t]*```/gm;
  return [...text.matchAll(pattern)].map((found) => {
    const [, skip = null, indent = '', code = ''] = found;
    const line = text.slice(0, found.index).split('\n').length;
    return { page, line, skip, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
  });
}

function markdownIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}
