import { expect, test } from 'vitest';
import type { ContractOrder } from '../../src/simulator/contract.ts';
import { weightsBytes } from '../../src/simulator/images.ts';

test.each([
  ['Qwen/Qwen2.5-14B-Instruct', 28],
  ['Qwen/Qwen2.5-14B-Instruct-GPTQ-Int8', 14.7],
  ['Qwen/Qwen3-14B-FP8', 14.7],
  ['Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4', 8.4],
  ['Qwen/Qwen2.5-14B-Instruct-AWQ', 8.4],
  ['/models/mine', 0],
])('%s brings %d GB over the line', (model, gb) => {
  const order = { onstart: `vllm serve ${model} --port 8000`, args: [], env: [] };
  expect(weightsBytes(order as unknown as ContractOrder) / 1e9).toBeCloseTo(gb, 6);
});
