import { expect, test } from 'vitest';
import {
  DEFAULT_WORKLOAD,
  workloadForCompletions,
  workloadForEmbeddings,
  workloadForRerank,
} from '../../src/pyworker/index.ts';
import { workloadOf } from '../../src/pyworker/workloads.ts';

test.each([
  [workloadForEmbeddings, { input: ['a', 'b', 'c'] }, 3],
  [workloadForEmbeddings, { inputs: ['a'] }, 1],
  [workloadForEmbeddings, { input: 'a text' }, 1],
  [workloadForCompletions, { max_tokens: 64 }, 64],
  [workloadForCompletions, { max_completion_tokens: 32, max_tokens: 64 }, 32],
  [workloadForCompletions, {}, 256],
  [workloadForCompletions, { max_tokens: 'many' }, 256],
  [workloadForRerank, { documents: ['a', 'b'] }, 2],
  [workloadForRerank, { texts: ['a', 'b', 'c'] }, 3],
  [workloadForRerank, {}, 1],
])('%o of %j is %d', (calculate, payload, workload) => {
  expect(calculate(payload)).toBe(workload);
});

test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [-1]])(
  '%d is no workload: the usual one counts',
  (given) => {
    expect(workloadOf(() => given, {})).toBe(DEFAULT_WORKLOAD);
  },
);

test('a calculator that fails gives the usual workload', () => {
  const failing = () => {
    throw new Error('no');
  };
  expect(workloadOf(failing, {})).toBe(DEFAULT_WORKLOAD);
});
