import { expect, test } from 'vitest';
import type { OffersAnswer, PlanAnswer } from '../../src/admin/answers.ts';
import { readTiers } from '../../src/admin/tiers-file.ts';
import { startStack } from '../support/stack.ts';

const FILE = 'examples/tiers.json';

test('the example table is one that LEASH_TIERS takes', () => {
  expect(readTiers(FILE).map(({ name, priority }) => [name, priority])).toEqual([
    ['H100', 1],
    ['A100 80GB', 2],
    ['RTX 4090', 3],
  ]);
});

test('an installation with the example table rents H100 before A100 before RTX 4090', async () => {
  await using stack = await startStack({ settings: { LEASH_TIERS: FILE } });
  const { body } = await stack.api.admin<OffersAnswer>('GET', 'offers?limit=100');
  const tiers = body.items.map(({ tier }) => tier);
  expect([...new Set(tiers)]).toEqual(['H100', 'A100 80GB', 'RTX 4090']);
  expect(tiers).toEqual(tiers.toSorted((a, b) => order(a) - order(b)));
  const large = body.items.filter(({ tier }) => tier === 'A100 80GB');
  expect(Math.min(...large.map(({ gpu_ram_mib }) => gpu_ram_mib))).toBeGreaterThan(72_000);
  for (const { use_case } of body.items) expect(use_case).not.toBe('');

  const plan = (await stack.api.admin<PlanAnswer>('POST', 'plan', { model: 'Qwen/Qwen2.5-32B-Instruct' }))
    .body;
  const [h100, a100, small] = plan.tiers;
  expect(h100?.serving?.model).toBe('Qwen/Qwen2.5-32B-Instruct');
  expect(a100?.serving?.model).toBe('Qwen/Qwen2.5-32B-Instruct');
  expect(small).toMatchObject({ offers_fit: 0, serving: null });
  expect(small?.why[0]).toMatchObject({ kind: 'vram', example: expect.stringContaining('the card has') });
});

function order(tier: string): number {
  return ['H100', 'A100 80GB', 'RTX 4090'].indexOf(tier);
}
