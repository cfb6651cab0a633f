import fc from 'fast-check';
import { expect, test } from 'vitest';
import { catalogueModels, describeModel } from '../../src/domain/catalogue.ts';
import { diskGbNeeded, planServing, type Serving, type ServingOrder } from '../../src/domain/fit.ts';
import { DEFAULT_TIERS, gpuRamMibMin } from '../../src/domain/tier.ts';

const MODEL = 'Qwen/Qwen2.5-7B-Instruct';

function order(set: Partial<ServingOrder> = {}): ServingOrder {
  return { model: MODEL, gpuRamMib: 24_564, gpuCount: 1, computeCapability: 8.9, vllmArgs: [], ...set };
}

function mustFit(set: Partial<ServingOrder> = {}): Serving {
  const plan = planServing(order(set));
  if (!plan.fits) throw new Error(plan.why);
  return plan;
}

/** Compute capability of each default tier's card. */
const CAPABILITY: Readonly<Record<string, number>> = {
  'RTX 4090': 8.9,
  'RTX 3090': 8.6,
  'RTX A5000': 8.6,
  A40: 8.6,
  'RTX A6000': 8.6,
  L40S: 8.9,
  'A100 40GB': 8.0,
  'RTX 4080': 8.9,
  V100: 7.0,
  'RTX 3080': 8.6,
};

test.each(DEFAULT_TIERS.map((tier) => [tier.name, tier] as const))(
  'the default model can be served on the weakest %s of the table',
  (name, tier) => {
    const computeCapability = CAPABILITY[name] ?? Number.NaN;
    const plan = mustFit({ gpuRamMib: gpuRamMibMin(tier), computeCapability });
    expect(plan.contextTokens).toBeGreaterThanOrEqual(8_192);
    expect(plan.servedModel === MODEL).toBe(tier.vramGb >= 24);
  },
);

test('a 24 GB card serves the default model as published, with its whole context and no flag', () => {
  expect(mustFit()).toMatchObject({ servedModel: MODEL, vllmArgs: [], contextTokens: 32_768 });
});

test('a Volta card gets the GPTQ form in half precision, for it runs neither AWQ nor bfloat16', () => {
  const plan = mustFit({ gpuRamMib: 16_384, computeCapability: 7.0 });
  expect(plan.servedModel).toBe('Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8');
  expect(plan.vllmArgs).toEqual(['--quantization', 'gptq', '--dtype', 'half']);
});

test('a 10 GB card gets the AWQ form with the fast kernel', () => {
  const plan = mustFit({ gpuRamMib: 10_240, computeCapability: 8.6 });
  expect(plan.servedModel).toBe('Qwen/Qwen2.5-7B-Instruct-AWQ');
  expect(plan.vllmArgs).toContain('awq_marlin');
  expect(plan.weightsGb).toBeCloseTo(5.56, 1);
});

test('a card too small for every form is refused with both figures', () => {
  const plan = planServing(order({ gpuRamMib: 6_144 }));
  expect(plan).toEqual({
    fits: false,
    why: 'Qwen/Qwen2.5-7B-Instruct-AWQ with 4,096 tokens of context needs 7,417 MiB per GPU, the card has 6,144',
  });
});

test('a context longer than the card holds is shortened', () => {
  const plan = mustFit({ model: 'meta-llama/Llama-3.1-8B-Instruct' });
  // Nine tenths of 24,564 MiB less 15.0 GiB of weights and 1.5 of the rest; of that nine tenths, at 128 KiB a token.
  expect(plan.contextTokens).toBe(37_632);
  expect(plan.vllmArgs).toEqual(['--max-model-len', String(plan.contextTokens)]);
});

test('a model that needs bfloat16 is refused on a card without it', () => {
  expect(planServing(order({ model: 'google/gemma-2-2b-it', computeCapability: 7.5 }))).toEqual({
    fits: false,
    why: 'google/gemma-2-2b-it does not run on compute capability 7.5: it needs bfloat16',
  });
});

test('several GPUs share the model, by as many as divide its attention heads', () => {
  const qwen72 = 'Qwen/Qwen2.5-72B-Instruct';
  expect(planServing(order({ model: qwen72 })).fits).toBe(false);
  expect(mustFit({ model: qwen72, gpuCount: 4 }).vllmArgs).toContain('--tensor-parallel-size');
  // 28 heads: four ways by heads, twice by layers.
  expect(mustFit({ gpuCount: 8 }).vllmArgs).toEqual([
    '--tensor-parallel-size',
    '4',
    '--pipeline-parallel-size',
    '2',
  ]);
});

test('an embedding model runs as one, on one GPU', () => {
  expect(mustFit({ model: 'BAAI/bge-m3', gpuCount: 4 })).toMatchObject({
    isPooling: true,
    vllmArgs: ['--runner', 'pooling'],
  });
});

test.each([
  [['--max-model-len', '8192'], 8_192],
  [['--max-model-len=8k'], 8_000],
  [['--max_model_len', '8K'], 8_192],
])("the caller's own context %j is what is planned for", (vllmArgs, tokens) => {
  const plan = mustFit({ model: 'meta-llama/Llama-3.1-8B-Instruct', vllmArgs });
  expect(plan).toMatchObject({ vllmArgs, contextTokens: tokens });
});

test('a context of the caller that no form has room for is refused', () => {
  const vllmArgs = ['--max-model-len', '131072'];
  const plan = planServing(order({ model: 'meta-llama/Llama-3.1-8B-Instruct', gpuRamMib: 16_376, vllmArgs }));
  expect(plan).toMatchObject({ fits: false, why: expect.stringContaining('131,072 tokens') });
});

test('a caller who leaves the context to vLLM is given no other', () => {
  for (const auto of ['auto', '-1']) {
    const vllmArgs = ['--max-model-len', auto];
    expect(mustFit({ model: 'meta-llama/Llama-3.1-8B-Instruct', vllmArgs }).vllmArgs).toEqual(vllmArgs);
  }
});

test('a caller who chooses the quantisation chooses the form', () => {
  const vllmArgs = ['--quantization', 'bitsandbytes'];
  const plan = mustFit({ gpuRamMib: 10_240, vllmArgs });
  expect(plan.servedModel).toBe(MODEL);
  expect(plan.vllmArgs).toEqual(vllmArgs);
  expect(plan.weightsGb).toBeCloseTo(15.24, 1);
});

test('float32 doubles the weights', () => {
  expect(planServing(order({ vllmArgs: ['--dtype', 'float32'] })).fits).toBe(false);
  expect(planServing(order({ gpuRamMib: 46_068, vllmArgs: ['--dtype', 'float32'] })).fits).toBe(true);
});

test("a caller's division over more GPUs than offered is refused", () => {
  expect(planServing(order({ gpuCount: 2, vllmArgs: ['-tp', '4'] }))).toEqual({
    fits: false,
    why: 'vllm_args divide the model over 4 GPUs, the offer has 2',
  });
});

test("a caller's smaller share of the card is reckoned with", () => {
  expect(mustFit({ vllmArgs: ['--gpu-memory-utilization', '0.5'] }).servedModel).not.toBe(MODEL);
});

test('an unknown model is given no context beyond what its kind always has', () => {
  expect(mustFit({ model: 'acme/Chat-7B' }).vllmArgs).toEqual(['--max-model-len', '4096']);
  expect(mustFit({ model: './tiny' })).toMatchObject({ vllmArgs: [], contextTokens: null });
});

test('whoever vouches for the memory gets the model as it is', () => {
  const refused = order({ model: 'acme/Chat-34B', gpuRamMib: 24_564 });
  expect(planServing(refused).fits).toBe(false);
  expect(planServing({ ...refused, isMemoryTrusted: true })).toMatchObject({
    fits: true,
    servedModel: 'acme/Chat-34B',
    vllmArgs: [],
  });
});

const anyModel = fc.constantFrom(...catalogueModels().map(({ id }) => id), 'acme/Chat-7B', './tiny');
const anyCard = fc.record({
  model: anyModel,
  gpuRamMib: fc.integer({ min: 4_000, max: 200_000 }),
  gpuCount: fc.integer({ min: 1, max: 8 }),
  computeCapability: fc.constantFrom(6.1, 7.0, 7.5, 8.0, 8.6, 8.9, 9.0, 12.0),
});

test('more memory never serves less', () => {
  fc.assert(
    fc.property(anyCard, fc.integer({ min: 0, max: 100_000 }), (card, more) => {
      const small = planServing(order(card));
      const large = planServing(order({ ...card, gpuRamMib: card.gpuRamMib + more }));
      if (!small.fits) return;
      if (!large.fits) throw new Error(large.why);
      expect(large.weightsGb).toBeGreaterThanOrEqual(small.weightsGb);
      const isSameForm = large.servedModel === small.servedModel;
      const isSameShare = large.vllmArgs.includes('0.95') === small.vllmArgs.includes('0.95');
      if (isSameForm && isSameShare) {
        expect(large.contextTokens ?? 0).toBeGreaterThanOrEqual(small.contextTokens ?? 0);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('what is planned never needs more than the card has, nor more context than the model', () => {
  fc.assert(
    fc.property(anyCard, (card) => {
      const plan = planServing(order(card));
      if (!plan.fits) return;
      expect(plan.vramNeededMib).toBeLessThanOrEqual(card.gpuRamMib);
      expect(plan.contextTokens ?? 0).toBeLessThanOrEqual(describeModel(card.model).contextMax ?? 0);
    }),
  );
});

test('a plan also fits a card that has exactly the memory it says it needs', () => {
  fc.assert(
    fc.property(anyCard, (card) => {
      const plan = planServing(order(card));
      if (!plan.fits || plan.vllmArgs.includes('--gpu-memory-utilization')) return;
      const again = planServing(order({ ...card, gpuRamMib: plan.vramNeededMib }));
      expect(again).toMatchObject({ fits: true, servedModel: plan.servedModel });
    }),
  );
});

const flagsOfCaller = fc.subarray([
  ['--max-model-len', '2048'],
  ['--dtype', 'half'],
  ['--gpu-memory-utilization', '0.92'],
  ['--quantization', 'bitsandbytes'],
  ['--tensor-parallel-size', '1'],
  ['--runner', 'pooling'],
]);

test('no flag of the caller is given twice, and all are kept', () => {
  fc.assert(
    fc.property(anyCard, flagsOfCaller, (card, flags) => {
      const vllmArgs = flags.flat();
      const plan = planServing(order({ ...card, vllmArgs }));
      if (!plan.fits) return;
      const names = plan.vllmArgs.filter((arg) => arg.startsWith('--'));
      expect(new Set(names).size).toBe(names.length);
      expect(plan.vllmArgs.slice(0, vllmArgs.length)).toEqual(vllmArgs);
    }),
  );
});

test('the disk holds image and weights with room to spare, and grows with the weights', () => {
  const image = 'vllm/vllm-openai:v0.16.0';
  expect(diskGbNeeded({ image, weightsGb: 15.24 })).toBe(50);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 500, noNaN: true }), (weightsGb) => {
      const diskGb = diskGbNeeded({ image, weightsGb });
      expect(diskGb).toBeGreaterThan(25 + weightsGb);
      expect(diskGb % 5).toBe(0);
      expect(diskGbNeeded({ image, weightsGb: weightsGb + 1 })).toBeGreaterThanOrEqual(diskGb);
    }),
  );
});
