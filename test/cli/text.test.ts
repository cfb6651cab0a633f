import { describe, expect, test } from 'vitest';
import { clock, cut, duration, table, usd, visibleLength } from '../../src/cli/text.ts';

describe('amounts', () => {
  test.each([
    [2, '$2.00'],
    [0, '$0.00'],
    [0.4127, '$0.41'],
    [0.0123, '$0.0123'],
    [-0.5, '-$0.50'],
  ])('%f USD reads %s', (amount, text) => {
    expect(usd(amount)).toBe(text);
  });

  test.each([
    [0, '0:00'],
    [65_900, '1:05'],
    [3_725_000, '1:02:05'],
    [-5, '0:00'],
  ])('%i ms on a clock reads %s', (ms, text) => {
    expect(clock(ms)).toBe(text);
  });

  test.each([
    [40_000, '40 s'],
    [180_000, '3 min'],
    [7_500_000, '2 h 5 min'],
    [7_200_000, '2 h'],
  ])('%i ms lasts %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe('a table', () => {
  const columns = [{ title: 'name' }, { title: 'cost', align: 'right' as const }, { title: 'why' }];
  const rows = [
    ['a', '$1.00', 'short'],
    ['bee', '$10.00', `a long sentence ${'that goes on '.repeat(10)}`],
  ];

  test('puts each column under its title, numbers to the right', () => {
    expect(table(columns, [['a', '$1.00', 'x']], 80)).toEqual(['name   cost  why', 'a     $1.00  x']);
  });

  test('is no wider than the terminal: the widest column gives way', () => {
    const lines = table(columns, rows, 40);
    expect(Math.max(...lines.map(visibleLength))).toBeLessThanOrEqual(40);
    expect(lines[2]).toContain('$10.00');
    expect(lines[2]).toMatch(/…$/);
  });

  test('counts letters, not the colours around them', () => {
    const red = '\u001b[31mfailed\u001b[39m';
    expect(cut(red, 6)).toBe(red);
    expect(cut(red, 4)).toBe('fai…');
  });
});
