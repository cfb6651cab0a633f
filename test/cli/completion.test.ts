import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { runLeash } from './run-leash.ts';

async function script(shell: string): Promise<string> {
  const run = await runLeash(['completion', shell]);
  expect(run, run.err).toMatchObject({ code: 0, err: '' });
  return run.out;
}

/** What bash offers for a line, with the cursor at its end. */
function offered(bash: string, ...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const program = `${bash}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _leash; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', program], { encoding: 'utf8' }).trim().split('\n');
}

test('bash completes commands, their options and the values of those', async () => {
  const bash = await script('bash');
  execFileSync('bash', ['-n'], { input: bash });
  expect(offered(bash, 'leash', 'des')).toEqual(['destroy']);
  expect(offered(bash, 'leash', 'reap', '--wi')).toEqual(['--without-temporal']);
  expect(offered(bash, 'leash', 'reap', '--js')).toEqual(['--json']);
  expect(offered(bash, 'leash', '--json', 'destroy', '--w')).toEqual(['--wait']);
  expect(offered(bash, 'leash', 'up', '--profile', 'ho')).toEqual(['hostile']);
  expect(offered(bash, 'leash', 'simulate', '--see')).toEqual(['--seed']);
  expect(offered(bash, 'leash', 'completion', 'z')).toEqual(['zsh']);
  expect(offered(bash, 'leash', 'keys', 're')).toEqual(['revoke']);
  expect(offered(bash, 'leash', 'keys', 'create', 'app', '--budget-period', 'm')).toEqual(['month']);
});

const hasZsh = spawnSync('zsh', ['--version']).status === 0;

test.runIf(hasZsh)('zsh takes its script', async () => {
  execFileSync('zsh', ['-n'], { input: await script('zsh') });
});

test('zsh and fish are given every command', async () => {
  for (const shell of ['zsh', 'fish']) {
    const text = await script(shell);
    for (const command of ['launch', 'destroy', 'reap', 'logs', 'doctor', 'simulate'])
      expect(text).toMatch(new RegExp(`\\b${command}\\b`));
  }
});

test('a shell that is not known is a mistake of usage', async () => {
  expect(await runLeash(['completion', 'csh'])).toMatchObject({ code: 2 });
});
