import { expect, test } from 'vitest';
import { areColoursWanted } from '../../src/cli/colours.ts';

const terminal = { isTTY: true };
const pipe = {};

test.each<[why: string, wanted: boolean, ...Parameters<typeof areColoursWanted>]>([
  ['a terminal is coloured', true, terminal, { TERM: 'xterm-256color' }, []],
  ['a pipe is not', false, pipe, {}, []],
  ['nor is one in CI', false, pipe, { CI: 'true' }, []],
  ['nor a terminal that can only print', false, terminal, { TERM: 'dumb' }, []],
  ['NO_COLOR holds on a terminal', false, terminal, { NO_COLOR: '1' }, []],
  ['an empty NO_COLOR says nothing', true, terminal, { NO_COLOR: '' }, []],
  ['FORCE_COLOR colours a pipe', true, pipe, { FORCE_COLOR: '1' }, []],
  ['FORCE_COLOR=0 forbids', false, terminal, { FORCE_COLOR: '0' }, []],
  ['NO_COLOR beats FORCE_COLOR', false, terminal, { NO_COLOR: '1', FORCE_COLOR: '1' }, []],
  ['--no-color beats FORCE_COLOR', false, terminal, { FORCE_COLOR: '1' }, ['--no-color']],
])('%s', (_why, wanted, stream, environment, args) => {
  expect(areColoursWanted(stream, environment, args)).toBe(wanted);
});
