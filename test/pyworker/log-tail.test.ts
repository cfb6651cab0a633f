import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tailLog } from '../../src/pyworker/log-tail.ts';
import { eventually } from '../support/eventually.ts';

let home: string;
let ending: AbortController;
let over: Promise<void>;
const lines: string[] = [];
const file = () => join(home, 'model.log');
const until = (...wanted: string[]) =>
  eventually(
    () => `${JSON.stringify(wanted)} is read, not ${JSON.stringify(lines)}`,
    () => wanted.length === lines.length,
    { withinMs: 10_000, everyMs: 20 },
  ).then(() => expect(lines).toEqual(wanted));

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'leash-log-'));
  ending = new AbortController();
  lines.length = 0;
});
afterEach(async () => {
  ending.abort();
  await over;
  rmSync(home, { recursive: true, force: true });
});

function follow(): void {
  over = tailLog({ file: file(), onLine: (line) => lines.push(line), signal: ending.signal });
}

test('a log is read from its beginning, and waited for where it is not there yet', async () => {
  follow();
  writeFileSync(file(), 'first\nsecond\r\n');
  await until('first', 'second');
  appendFileSync(file(), 'third\n');
  await until('first', 'second', 'third');
});

test('a line counts once it is whole, with its letters, however many writes it took', async () => {
  follow();
  const bytes = Buffer.from('the mödel is up\nnext');
  writeFileSync(file(), bytes.subarray(0, 6));
  appendFileSync(file(), bytes.subarray(6, 12));
  appendFileSync(file(), bytes.subarray(12));
  await until('the mödel is up');
});

test('a log that is cut in place is read from its start again', async () => {
  writeFileSync(file(), 'a line that is long\n');
  follow();
  await until('a line that is long');
  truncateSync(file(), 0);
  appendFileSync(file(), 'new\n');
  await until('a line that is long', 'new');
});

test('a log that is replaced is read to its end, and then the new one', async () => {
  writeFileSync(file(), 'one\n');
  follow();
  await until('one');
  appendFileSync(file(), 'two\n');
  renameSync(file(), `${file()}.1`);
  writeFileSync(file(), 'three\n');
  await until('one', 'two', 'three');
});

test('a line without end is handed on in parts', async () => {
  writeFileSync(file(), `${'x'.repeat(200_000)}\n`);
  follow();
  await eventually('all of it is read', () => lines.join('').length === 200_000, {
    withinMs: 10_000,
    everyMs: 20,
  });
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(200_000);
});
