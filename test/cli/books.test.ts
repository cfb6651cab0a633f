import { expect, test } from 'vitest';
import { type Books, type Contract, compareWithBooks, isSettled } from '../../src/cli/demo/books.ts';
import { anAttempt, aReceipt, atMs, LABEL } from './answers.ts';

/** The market's side of `aReceipt()`, to the cent. */
function aContract(set: Partial<Contract> = {}): Contract {
  return {
    id: 9001,
    label: LABEL,
    created_at: atMs(4) / 1_000,
    running_at: atMs(30) / 1_000,
    destroyed_at: atMs(322) / 1_000,
    billed_until: atMs(323) / 1_000,
    destroy_requested_at: atMs(320) / 1_000,
    state: 'destroyed',
    usd: { gpu: 0.035, disk: 0.001, bandwidth: 0.002, total: 0.038 },
    ...set,
  };
}

function books(...contracts: Contract[]): Books {
  return { now: atMs(340) / 1_000, contracts };
}

test('a receipt and books that say the same agree, side by side', () => {
  const { rows, disagreements } = compareWithBooks(aReceipt(), books(aContract()));
  expect(disagreements).toEqual([]);
  expect(rows.map((row) => row.slice(0, 6))).toEqual([
    ['9001', 'receipt', '$0.035000', '$0.001000', '$0.002000', '$0.038000'],
    ['9001', 'market', '$0.035000', '$0.001000', '$0.002000', '$0.038000'],
  ]);
});

test.each([
  ['five seconds of the price', 0.038 + (0.42 * 4.9) / 3_600, 0],
  ['more than five seconds of the price', 0.038 + (0.42 * 5.1) / 3_600, 1],
])('a difference of %s', (_, total, disagreements) => {
  const contract = aContract({ usd: { gpu: 0, disk: 0, bandwidth: 0, total } });
  expect(compareWithBooks(aReceipt(), books(contract)).disagreements).toHaveLength(disagreements);
});

test.each([
  ['1 % of a long rental', 1, 1.0099, 0],
  ['more than 1 % of a long rental', 1, 1.02, 1],
])('a difference of %s', (_, ours, theirs, disagreements) => {
  const usd = { gpu: ours, storage: 0, bandwidth: 0, total: ours };
  const [instance] = aReceipt().instances;
  const receipt = aReceipt({ instances: instance === undefined ? [] : [{ ...instance, usd }] });
  const contract = aContract({ usd: { gpu: theirs, disk: 0, bandwidth: 0, total: theirs } });
  expect(compareWithBooks(receipt, books(contract)).disagreements).toHaveLength(disagreements);
});

test('an instance that the market still has is a disagreement', () => {
  const alive = aContract({ destroyed_at: null, state: 'running' });
  expect(compareWithBooks(aReceipt(), books(alive)).disagreements).toEqual([
    'instance 9001: the market still has it (running)',
  ]);
});

test('an instance of an attempt that the receipt leaves out is a disagreement', () => {
  const second = anAttempt({ attempt: 2, label: 'leash.second' });
  const receipt = aReceipt({ attempts: [...aReceipt().attempts, second] });
  const other = aContract({ id: 9002, label: 'leash.second' });
  expect(compareWithBooks(receipt, books(aContract(), other)).disagreements).toEqual([
    'the receipt leaves out instance 9002 (leash.second)',
  ]);
});

test('another account’s instances are none of the receipt’s business', () => {
  const strangers = [aContract({ id: 1, label: null }), aContract({ id: 2, label: 'someone' })];
  expect(compareWithBooks(aReceipt(), books(aContract(), ...strangers)).disagreements).toEqual([]);
});

test('books are settled once nothing is billed any more', () => {
  const labels = new Set([LABEL]);
  expect(isSettled(books(aContract()), labels)).toBe(true);
  expect(isSettled(books(aContract({ billed_until: atMs(341) / 1_000 })), labels)).toBe(false);
  expect(isSettled(books(aContract({ destroyed_at: null })), labels)).toBe(false);
});
