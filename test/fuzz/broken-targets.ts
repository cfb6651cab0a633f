import type { Target } from './targets.ts';

const kept: string[] = [];

/** Parsers that are wrong, each in its way: what the search for faults must find. */
export const TARGETS: readonly Target[] = [
  {
    name: 'throws on a name of all objects',
    seeds: ['{"a":1}'],
    take: (input) => {
      if (input.includes('__proto__')) throw new TypeError('Cannot read this.');
    },
  },
  {
    name: 'goes round for ever after two empty lines',
    seeds: ['data: 1\n\n'],
    take: (input) => {
      while (input.includes('\n\n\n'));
    },
  },
  {
    name: 'keeps what it reads',
    seeds: ['{"a":1}'],
    take: (input) => {
      kept.push(input.toString().repeat(200), JSON.stringify([...input]));
    },
  },
];
