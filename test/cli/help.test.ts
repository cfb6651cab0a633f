import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { EXAMPLES } from '../../src/cli/examples.ts';
import { leashProgram } from '../../src/cli/main.ts';
import { runLeash } from './run-leash.ts';

const program = await leashProgram(['simulate']);

function pathsUnder(command: Command, path: readonly string[] = []): string[] {
  return command.commands.flatMap((below) => {
    const here = [...path, below.name()];
    return [here.join(' '), ...pathsUnder(below, here)];
  });
}

function commandAt(path: string): Command {
  return path.split(' ').reduce((command, name) => {
    const below = command.commands.find((one) => one.name() === name);
    if (below === undefined) throw new Error(`leash ${path} is no command`);
    return below;
  }, program);
}

const LINES = Object.entries(EXAMPLES).flatMap(([path, examples]) =>
  examples.map(([line]): [path: string, line: string] => [path, line]),
);

test('every command has examples, and no examples are left of one that is gone', () => {
  expect(Object.keys(EXAMPLES).sort()).toEqual(pathsUnder(program).sort());
});

describe.each(LINES)('an example of %s', (path, line) => {
  test(`names only options that exist: ${line}`, () => {
    const command = commandAt(path.split(' ').length === 1 ? (line.match(BELOW)?.[1] ?? path) : path);
    const known = command.createHelp();
    const flags = [...known.visibleOptions(command), ...known.visibleGlobalOptions(command)].flatMap(
      ({ long, short }) => [long, short],
    );
    const given = line.split(' ').filter((word) => /^--?[a-z]/.test(word));
    expect(given.filter((flag) => !flags.includes(flag))).toEqual([]);
    expect(line).toContain(`leash ${path}`);
  });
});

/** `keys create` in an example of `keys`. */
const BELOW = /leash ((?:schedule|providers|keys|encryption|pyworker) [a-z-]+)/;

test('help groups the commands by what they are for', async () => {
  const { out } = await runLeash(['--help']);
  const groups = [...out.matchAll(/^([A-Z]\w+):$/gm)].map(([, title]) => title);
  expect(groups).toEqual(['Options', 'Rent', 'Look', 'Money', 'Operate', 'Build']);
});

test('help of a command ends with its examples', async () => {
  const { out, code } = await runLeash(['help', 'extend']);
  expect(out).toMatch(/Examples:\n {2}leash extend 30 +half an hour more\n/);
  expect(code).toBe(0);
});

test('values that are none are said all at once, with where to look', async () => {
  const wrong = ['--budget', 'much', '--keep-alive', '-3', '--session', 'Not A Name'];
  const { code, err } = await runLeash(['launch', ...wrong]);
  expect(err).toMatch(/'much' will not do/);
  expect(err).toMatch(/'-3' will not do/);
  expect(err).toMatch(/'Not A Name' will not do\. 1 to 40 of a-z/);
  expect(err).toContain('leash launch --help');
  expect(code).toBe(2);
});
