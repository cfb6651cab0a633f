import { describe, expect, test } from 'vitest';
import { clock, duration, usd } from '../../src/cli/text.ts';

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
