import { expect, test } from 'vitest';
import { DEFAULT_TIERS, gpuRamMibMin } from '../../src/domain/tier.ts';
import { aTier } from '../support/builders.ts';

test.each([
  [24, 24_564],
  [48, 46_068],
  [40, 40_960],
  [16, 16_160],
  [10, 10_240],
])('a card sold with %d GB counts as such at the %d MiB its driver reports', (vramGb, reportedMib) => {
  expect(gpuRamMibMin(aTier({ vramGb }))).toBeLessThanOrEqual(reportedMib);
});

test('a card of half the memory does not pass for its bigger sister', () => {
  expect(gpuRamMibMin(aTier({ vramGb: 80 }))).toBeGreaterThan(40_960);
});

test('the fallback table has ten rows, each with its own name, turn, price and spelling', () => {
  expect(DEFAULT_TIERS.map(({ priority }) => priority)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(new Set(DEFAULT_TIERS.map(({ name }) => name)).size).toBe(10);
  for (const tier of DEFAULT_TIERS) {
    expect(tier.gpuNames.length).toBeGreaterThan(0);
    expect(tier.usdPerHourMax).toBeGreaterThan(0);
    expect(tier.useCase).not.toBe('');
  }
});

test('cards whose name hides their memory go by the market’s own spellings', () => {
  const namesOf = (name: string) => DEFAULT_TIERS.find((tier) => tier.name === name)?.gpuNames;
  expect(namesOf('A100 40GB')).toEqual(['A100 PCIE', 'A100 SXM4']);
  expect(namesOf('V100')).toEqual(['Tesla V100']);
});
