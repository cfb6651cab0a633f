import { expect, test } from 'vitest';
import {
  asVariant,
  catalogueModels,
  cudaMinFor,
  describeModel,
  findImage,
  findModel,
  guessModel,
  weightsGbOf,
} from '../../src/domain/catalogue.ts';

test('at least forty models are known, each under one id', () => {
  const models = catalogueModels();
  const ids = models.flatMap(({ id, quantised }) => [id, ...quantised.map((variant) => variant.id)]);
  expect(models.length).toBeGreaterThanOrEqual(40);
  expect(new Set(ids.map((id) => id.toLowerCase())).size).toBe(ids.length);
});

test('every id is one a model hub could have, and every figure is plausible', () => {
  for (const model of catalogueModels()) {
    expect(model.id).toMatch(/^[\w.-]+\/[\w.-]+$/);
    expect(model.paramsBillion).toBeGreaterThan(0);
    expect(model.contextMax).toBeGreaterThanOrEqual(512);
    expect(model.kvHeads === 0 || model.heads % model.kvHeads === 0, model.id).toBe(true);
    expect(model.kvBytesPerToken === 0, model.id).toBe(model.isPooling && model.kvHeads === 0);
  }
});

test('smaller forms are listed with the largest weights first, and all are smaller than the model', () => {
  for (const model of catalogueModels()) {
    const sizes = [model, ...model.quantised.map((variant) => asVariant(model, variant))].map(weightsGbOf);
    expect(sizes, model.id).toEqual([...sizes].sort((a, b) => b - a));
    expect(
      sizes.slice(1).every((size) => size < (sizes[0] ?? 0)),
      model.id,
    ).toBe(true);
  }
});

test('a size the name states is the size the catalogue has', () => {
  for (const model of catalogueModels()) {
    if (!/\d(b|m)(?![a-z])/i.test(model.id)) continue;
    const guess = guessModel(model.id).paramsBillion;
    expect(Math.abs(guess - model.paramsBillion) / model.paramsBillion, model.id).toBeLessThan(0.35);
  }
});

test('the default model is known: its size, its context and its cache', () => {
  expect(findModel('Qwen/Qwen2.5-7B-Instruct')).toMatchObject({
    paramsBillion: 7.62,
    bits: 16,
    contextMax: 32_768,
    kvBytesPerToken: 57_344,
    isPooling: false,
    isGated: false,
  });
});

test('ids are compared without case, as the model hub does', () => {
  expect(findModel('qwen/qwen2.5-7b-instruct')?.id).toBe('Qwen/Qwen2.5-7B-Instruct');
});

test.each([
  ['Qwen/Qwen2.5-7B-Instruct-AWQ', 'awq', 5.57],
  ['Qwen/Qwen2.5-14B-Instruct-AWQ', 'awq', 9.97],
  ['Qwen/Qwen2.5-32B-Instruct-AWQ', 'awq', 19.3],
  ['Qwen/Qwen2.5-72B-Instruct-AWQ', 'awq', 41.5],
  ['Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8', 'gptq', 8.88],
  ['hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4', 'awq', 5.73],
])('%s is a model of its own, as large as its published files', (id, method, publishedGb) => {
  const model = findModel(id);
  expect(model).toMatchObject({ method, quantised: [] });
  const weightsGb = model === null ? 0 : weightsGbOf(model);
  expect(Math.abs(weightsGb - publishedGb) / publishedGb).toBeLessThan(0.08);
});

test('gated and embedding models are marked', () => {
  expect(findModel('meta-llama/Llama-3.1-8B-Instruct')?.isGated).toBe(true);
  for (const id of ['BAAI/bge-m3', 'intfloat/multilingual-e5-large', 'thenlper/gte-large']) {
    expect(findModel(id)?.isPooling, id).toBe(true);
  }
});

test('a model nobody listed is not found, and is described by its name', () => {
  expect(findModel('acme/Chat-13B')).toBeNull();
  expect(describeModel('acme/Chat-13B')).toMatchObject({ paramsBillion: 13, isGuess: true });
});

test.each([
  ['acme/Chat-7B', 7, 16, 'none'],
  ['acme/chat-0.5b-instruct', 0.5, 16, 'none'],
  ['acme/chat_135M', 0.135, 16, 'none'],
  ['acme/Chat-8x7B-Instruct', 46.76, 16, 'none'],
  ['acme/Chat-30B-A3B', 30, 16, 'none'],
  ['acme/Chat3.1-70B-AWQ', 70, 4, 'awq'],
  ['acme/Chat-7B-GPTQ', 7, 4, 'gptq'],
  ['acme/Chat-7B-GPTQ-Int8', 7, 8, 'gptq'],
  ['acme/Chat-9B-FP8', 9, 8, 'fp8'],
  ['acme/Chat-9B-quantized.w4a16', 9, 4, 'compressed-tensors'],
])('%s is read as %s billion parameters in %s bit (%s)', (id, params, bits, method) => {
  const model = guessModel(id);
  expect(model.paramsBillion).toBeCloseTo(params, 2);
  expect(model).toMatchObject({ id, bits, method, isGuess: true });
});

test.each(['./models/my-70B', '/data/llama', '~/llama', 'acme/mystery', 'C:\\models\\x', 'a/b/c-70B'])(
  'a path or a name that tells no size, %s, counts as a small model of unknown context',
  (id) => {
    expect(guessModel(id)).toMatchObject({ paramsBillion: 1.5, contextMax: null });
  },
);

test('an unknown embedding model is known by its name', () => {
  expect(guessModel('acme/embed-large-1B').isPooling).toBe(true);
  expect(guessModel('acme/bge-tiny').isPooling).toBe(true);
  expect(guessModel('acme/bigger-7B').isPooling).toBe(false);
});

test('a Blackwell card needs CUDA 12.8 whatever the image asks for', () => {
  const { cudaMin } = findImage('vllm/vllm-openai:v0.16.0');
  expect(cudaMin).toBeLessThan(12.8);
  expect(cudaMinFor(12.0, cudaMin)).toBe(12.8);
  expect(cudaMinFor(8.9, cudaMin)).toBe(cudaMin);
});

test('only old images refuse cards newer than Hopper', () => {
  expect(findImage('vllm/vllm-openai:v0.16.0').computeCapabilityMax).toBeNull();
  expect(findImage('acme/own-vllm:latest').computeCapabilityMax).toBeNull();
  expect(findImage('vllm/vllm-openai:v0.8.5').computeCapabilityMax).toBe(9.0);
});
