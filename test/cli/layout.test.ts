import { describe, expect, test } from 'vitest';
import { type Column, cut, facts, table, visibleLength, wrap } from '../../src/cli/layout.ts';

const columns: Column[] = [
  { title: 'name' },
  { title: 'cost', align: 'right' },
  { title: 'instance', align: 'right', dropped: 1 },
  { title: 'started', dropped: 2 },
  { title: 'why', narrowest: 8 },
];
const rows = [
  ['a', '$1.00', '28400044', '12:00:00', 'short'],
  ['bee', '$10.00', '28400045', '12:00:09', `a long sentence ${'that goes on '.repeat(10)}`],
];

describe('a table', () => {
  test('puts each column under its title, numbers to the right', () => {
    expect(table(columns.slice(0, 2), [['a', '$1.00']], 80)).toEqual(['name   cost', 'a     $1.00']);
  });

  test.each([30, 40, 60, 80, 120])('fits a terminal of %d columns', (width) => {
    expect(Math.max(...table(columns, rows, width).map(visibleLength))).toBeLessThanOrEqual(width);
  });

  test('cuts text before it leaves out a column', () => {
    const lines = table(columns, rows, 60);
    expect(lines[0]).toMatch(/^name +cost +instance +started +why$/);
    expect(lines[2]).toMatch(/ a long sentence .*…$/);
  });

  test('leaves out what matters least, and never half a number', () => {
    const lines = table(columns, rows, 36);
    expect(lines[0]).toMatch(/^name +cost +started +why$/);
    expect(lines[2]).toMatch(/^bee +\$10\.00 +12:00:09 +\S/);
    expect(table(columns, rows, 28)[0]).toMatch(/^name +cost +why$/);
  });

  test('with nothing left to leave out still does not wrap', () => {
    expect(
      table(columns, rows, 12)
        .map(visibleLength)
        .every((length) => length <= 12),
    ).toBe(true);
  });

  test('cuts nothing where there is no width, as in a pipe', () => {
    expect(table(columns, rows, Infinity)[2]).toContain(rows[1]?.[4]?.trim());
  });

  test('keeps its columns in line under letters of double width', () => {
    const lines = table(
      [{ title: 'host' }, { title: 'state' }],
      [
        ['東京', 'up'],
        ['oslo', 'up'],
      ],
      40,
    );
    expect(lines).toEqual(['host  state', '東京  up', 'oslo  up']);
  });
});

describe('cut', () => {
  test('counts letters, not the colours around them', () => {
    const red = '\u001b[31mfailed\u001b[39m';
    expect(cut(red, 6)).toBe(red);
    expect(cut(red, 4)).toBe('fai…');
  });

  test('halves no letter of double width', () => {
    expect(cut('東京駅前', 6)).toBe('東京…');
  });
});

test('a fact that has no room goes on under itself', () => {
  expect(
    facts(
      [
        ['cost', '$0.29 for 45 min'],
        ['READY', '6 s'],
      ],
      { width: 24 },
    ),
  ).toEqual(['  cost    $0.29 for 45', '          min', '  READY   6 s']);
});

test('wrapping never breaks a word: it may be an address', () => {
  expect(wrap('see http://127.0.0.1:8080/v1 now', 10)).toEqual(['see', 'http://127.0.0.1:8080/v1', 'now']);
});
