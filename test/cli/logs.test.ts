import { expect, test } from 'vitest';
import { linesAfter } from '../../src/cli/logs.ts';

test.each([
  ['nothing new', ['a', 'b'], ['a', 'b'], []],
  ['one line more', ['a', 'b'], ['a', 'b', 'c'], ['c']],
  ['the oldest have left the window', ['a', 'b', 'c'], ['b', 'c', 'd'], ['d']],
  ['the same line again', ['a', 'a'], ['a', 'a', 'a'], ['a']],
  ['nothing in common', ['a', 'b'], ['x', 'y'], ['x', 'y']],
  ['there was nothing before', [], ['a'], ['a']],
  ['nothing came back', ['a'], [], []],
])('what a log says anew is shown once: %s', (_, before, now, news) => {
  expect(linesAfter(before, now)).toEqual(news);
});
