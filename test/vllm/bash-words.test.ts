import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bashWord } from '../../src/vllm/bash-words.ts';
import { runBash, splitWords } from './bash.ts';

const NASTY = [
  '',
  ' ',
  "'",
  "''\\'",
  '"',
  '$HOME',
  '`id`',
  '$(id)',
  '\\',
  '\n',
  '!!',
  '*',
  '~',
  '{a,b}',
  '#',
  '-n',
  '\r\n',
  'é𝄞',
];

test('an argument that looks like shell code reaches the program as it was written', async () => {
  const printed = await runBash(`printf '%s\\0' ${NASTY.map(bashWord).join(' ')}`);
  expect(splitWords(printed)).toEqual(NASTY);
});

test('any text survives the shell', async () => {
  const text = fc
    .oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...NASTY.slice(1)) }))
    .filter((any) => !any.includes('\0'));
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), async (words) => {
      const printed = await runBash(`printf '%s\\0' ${words.map(bashWord).join(' ')}`);
      expect(splitWords(printed)).toEqual(words);
    }),
    { numRuns: 60 },
  );
});

test('ordinary arguments stay readable', () => {
  expect(['Qwen/Qwen2.5-7B-Instruct', '--max-model-len', '0.9'].map(bashWord).join(' ')).toBe(
    'Qwen/Qwen2.5-7B-Instruct --max-model-len 0.9',
  );
});

test('what no program can be given is refused before it is sent anywhere', () => {
  expect(() => bashWord('a\0b')).toThrow('zero character');
  expect(() => bashWord('\ud800')).toThrow('surrogate');
});
