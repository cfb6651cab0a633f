import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { openLiveLine } from '../../src/cli/live-line.ts';

const ESCAPE = String.fromCharCode(27);
/** One control sequence, or text without any. */
const PIECE = new RegExp(`${ESCAPE}\\[\\??[0-9;]*[A-Za-z]|\\r|\\n|[^${ESCAPE}\\r\\n]+`, 'g');

/** A terminal of `columns` and what is on it, by the few controls that the live line uses. */
function terminal(columns: number) {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns }) as unknown as NodeJS.WriteStream;
  let rows: string[] = [''];
  let row = 0;
  out.on('data', (bytes: Buffer) => {
    for (const [piece] of bytes.toString().matchAll(PIECE)) {
      if (piece.startsWith(ESCAPE) && piece.endsWith('A'))
        row = Math.max(0, row - Number(piece.slice(2, -1)));
      else if (piece === `${ESCAPE}[0J`) rows = [...rows.slice(0, row), ''];
      else if (piece === '\n') {
        row += 1;
        rows[row] ??= '';
      } else if (!piece.startsWith(ESCAPE) && piece !== '\r') {
        for (let from = 0; from < piece.length; from += out.columns) {
          if (from > 0) row += 1;
          rows[row] = (from > 0 ? '' : (rows[row] ?? '')) + piece.slice(from, from + out.columns);
        }
      }
    }
  });
  const narrow = (to: number) => {
    out.columns = to;
    rows = rows.flatMap((line) => (line === '' ? [''] : (line.match(new RegExp(`.{1,${to}}`, 'g')) ?? [])));
    row = rows.length - 1;
  };
  return { out, narrow, screen: () => rows.map((line) => stripVTControlCharacters(line).trimEnd()) };
}

test('what stays is above, what lives is below and drawn over itself', () => {
  const { out, screen } = terminal(60);
  const line = openLiveLine(out);
  line.show('booting', Date.now() - 5_000, () => ['  boot 0:03', '  $0.01']);
  line.print('0:01  searching');
  line.show('loading', Date.now() - 5_000, () => ['  load 0:01', '  $0.02']);
  expect(screen()).toEqual([
    '0:01  searching',
    expect.stringMatching(/^. {2}0:05 {2}loading$/),
    '  load 0:01',
    '  $0.02',
  ]);
  line.close();
  expect(screen()).toEqual(['0:01  searching', '']);
});

test('no line is wider than the terminal', () => {
  const { out, screen } = terminal(40);
  const line = openLiveLine(out);
  line.show('a very long detail that goes on and on', Date.now(), () => ['x'.repeat(200)]);
  expect(screen()).toHaveLength(2);
  for (const shown of screen()) expect(shown.length).toBeLessThan(40);
  line.close();
});

test('a terminal that was made narrower is left clean', () => {
  const { out, narrow, screen } = terminal(80);
  const line = openLiveLine(out);
  line.print('stays');
  line.show('x'.repeat(60), Date.now(), () => ['y'.repeat(70)]);
  narrow(30);
  expect(screen().length).toBeGreaterThan(4);
  line.show(null);
  expect(screen()).toEqual(['stays', '']);
  line.close();
});

test('piped, lines are printed once and nothing is drawn', () => {
  const out = new PassThrough() as unknown as NodeJS.WriteStream;
  const line = openLiveLine(out);
  line.show('booting', 0, () => ['more']);
  line.print('READY');
  line.close();
  expect(out.read()?.toString()).toBe('READY\n');
});
