/** Figures from each model's published `config.json`; parameters from its card. */

export type CatalogueRow = {
  readonly id: string;
  /** Billions. */
  readonly params: number;
  /** Layers, key/value heads, head size; zeros for encoders. */
  readonly kv: readonly [number, number, number];
  /** Attention heads. */
  readonly heads: number;
  readonly context: number;
  readonly bits?: 8 | 4;
  readonly method?: 'mxfp4';
  readonly pooling?: true;
  readonly gated?: true;
  readonly needsBfloat16?: true;
  /** Larger weights first. The form is read from the name. */
  readonly quantised?: readonly string[];
};

const K = 1024;
const ENCODER: readonly [number, number, number] = [0, 0, 0];

/** Qwen publishes its own: 8 bit first. GPTQ is the one form that also runs on Volta. */
const qwen25 = (id: string) => [`${id}-GPTQ-Int8`, `${id}-AWQ`, `${id}-GPTQ-Int4`];
const awq = (id: string) => [`${id}-AWQ`];
const fp8 = (id: string) => [`${id}-FP8`];
const fp8AndAwq = (id: string) => [`${id}-FP8`, `${id}-AWQ`];

// biome-ignore format: one model, one line
const QWEN: readonly CatalogueRow[] = [
  { id: 'Qwen/Qwen2.5-0.5B-Instruct', params: 0.494, kv: [24, 2, 64], heads: 14, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-0.5B-Instruct') },
  { id: 'Qwen/Qwen2.5-1.5B-Instruct', params: 1.54, kv: [28, 2, 128], heads: 12, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-1.5B-Instruct') },
  { id: 'Qwen/Qwen2.5-3B-Instruct', params: 3.09, kv: [36, 2, 128], heads: 16, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-3B-Instruct') },
  { id: 'Qwen/Qwen2.5-7B-Instruct', params: 7.62, kv: [28, 4, 128], heads: 28, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-7B-Instruct') },
  { id: 'Qwen/Qwen2.5-14B-Instruct', params: 14.8, kv: [48, 8, 128], heads: 40, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-14B-Instruct') },
  { id: 'Qwen/Qwen2.5-32B-Instruct', params: 32.8, kv: [64, 8, 128], heads: 40, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-32B-Instruct') },
  { id: 'Qwen/Qwen2.5-72B-Instruct', params: 72.7, kv: [80, 8, 128], heads: 64, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-72B-Instruct') },
  { id: 'Qwen/Qwen2.5-Coder-1.5B-Instruct', params: 1.54, kv: [28, 2, 128], heads: 12, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-Coder-1.5B-Instruct') },
  { id: 'Qwen/Qwen2.5-Coder-7B-Instruct', params: 7.62, kv: [28, 4, 128], heads: 28, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-Coder-7B-Instruct') },
  { id: 'Qwen/Qwen2.5-Coder-14B-Instruct', params: 14.8, kv: [48, 8, 128], heads: 40, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-Coder-14B-Instruct') },
  { id: 'Qwen/Qwen2.5-Coder-32B-Instruct', params: 32.8, kv: [64, 8, 128], heads: 40, context: 32 * K, quantised: qwen25('Qwen/Qwen2.5-Coder-32B-Instruct') },
  { id: 'Qwen/QwQ-32B', params: 32.8, kv: [64, 8, 128], heads: 40, context: 40 * K, quantised: awq('Qwen/QwQ-32B') },
  { id: 'Qwen/Qwen3-0.6B', params: 0.75, kv: [28, 8, 128], heads: 16, context: 40 * K, quantised: fp8('Qwen/Qwen3-0.6B') },
  { id: 'Qwen/Qwen3-1.7B', params: 2.03, kv: [28, 8, 128], heads: 16, context: 40 * K, quantised: fp8('Qwen/Qwen3-1.7B') },
  { id: 'Qwen/Qwen3-4B', params: 4.02, kv: [36, 8, 128], heads: 32, context: 40 * K, quantised: fp8AndAwq('Qwen/Qwen3-4B') },
  { id: 'Qwen/Qwen3-8B', params: 8.19, kv: [36, 8, 128], heads: 32, context: 40 * K, quantised: fp8AndAwq('Qwen/Qwen3-8B') },
  { id: 'Qwen/Qwen3-14B', params: 14.8, kv: [40, 8, 128], heads: 40, context: 40 * K, quantised: fp8AndAwq('Qwen/Qwen3-14B') },
  { id: 'Qwen/Qwen3-32B', params: 32.8, kv: [64, 8, 128], heads: 64, context: 40 * K, quantised: fp8AndAwq('Qwen/Qwen3-32B') },
  { id: 'Qwen/Qwen3-30B-A3B', params: 30.5, kv: [48, 4, 128], heads: 32, context: 40 * K, quantised: ['Qwen/Qwen3-30B-A3B-FP8', 'Qwen/Qwen3-30B-A3B-GPTQ-Int4'] },
  { id: 'Qwen/Qwen3-4B-Instruct-2507', params: 4.02, kv: [36, 8, 128], heads: 32, context: 256 * K, quantised: fp8('Qwen/Qwen3-4B-Instruct-2507') },
  { id: 'Qwen/Qwen3-30B-A3B-Instruct-2507', params: 30.5, kv: [48, 4, 128], heads: 32, context: 256 * K, quantised: fp8('Qwen/Qwen3-30B-A3B-Instruct-2507') },
];

// biome-ignore format: one model, one line
const LLAMA: readonly CatalogueRow[] = [
  { id: 'meta-llama/Meta-Llama-3-8B-Instruct', params: 8.03, kv: [32, 8, 128], heads: 32, context: 8 * K, gated: true, quantised: ['casperhansen/llama-3-8b-instruct-awq'] },
  { id: 'meta-llama/Llama-3.1-8B-Instruct', params: 8.03, kv: [32, 8, 128], heads: 32, context: 128 * K, gated: true, quantised: ['hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4', 'hugging-quants/Meta-Llama-3.1-8B-Instruct-GPTQ-INT4'] },
  { id: 'meta-llama/Llama-3.1-70B-Instruct', params: 70.6, kv: [80, 8, 128], heads: 64, context: 128 * K, gated: true, quantised: ['hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4', 'hugging-quants/Meta-Llama-3.1-70B-Instruct-GPTQ-INT4'] },
  { id: 'meta-llama/Llama-3.2-1B-Instruct', params: 1.24, kv: [16, 8, 64], heads: 32, context: 128 * K, gated: true },
  { id: 'meta-llama/Llama-3.2-3B-Instruct', params: 3.21, kv: [28, 8, 128], heads: 24, context: 128 * K, gated: true },
  { id: 'meta-llama/Llama-3.3-70B-Instruct', params: 70.6, kv: [80, 8, 128], heads: 64, context: 128 * K, gated: true, quantised: ['casperhansen/llama-3.3-70b-instruct-awq'] },
  { id: 'TinyLlama/TinyLlama-1.1B-Chat-v1.0', params: 1.1, kv: [22, 4, 64], heads: 32, context: 2 * K },
];

// biome-ignore format: one model, one line
const MISTRAL: readonly CatalogueRow[] = [
  { id: 'mistralai/Mistral-7B-Instruct-v0.2', params: 7.24, kv: [32, 8, 128], heads: 32, context: 32 * K, gated: true, quantised: ['TheBloke/Mistral-7B-Instruct-v0.2-AWQ', 'TheBloke/Mistral-7B-Instruct-v0.2-GPTQ'] },
  { id: 'mistralai/Mistral-7B-Instruct-v0.3', params: 7.25, kv: [32, 8, 128], heads: 32, context: 32 * K, gated: true, quantised: ['solidrust/Mistral-7B-Instruct-v0.3-AWQ'] },
  { id: 'mistralai/Mistral-Nemo-Instruct-2407', params: 12.2, kv: [40, 8, 128], heads: 32, context: 128 * K, gated: true, quantised: ['casperhansen/mistral-nemo-instruct-2407-awq'] },
  { id: 'mistralai/Mistral-Small-24B-Instruct-2501', params: 23.6, kv: [40, 8, 128], heads: 32, context: 32 * K, gated: true, quantised: ['stelterlab/Mistral-Small-24B-Instruct-2501-AWQ'] },
  { id: 'mistralai/Mixtral-8x7B-Instruct-v0.1', params: 46.7, kv: [32, 8, 128], heads: 32, context: 32 * K, gated: true, quantised: ['casperhansen/mixtral-instruct-awq', 'TheBloke/Mixtral-8x7B-Instruct-v0.1-GPTQ'] },
  { id: 'mistralai/Mixtral-8x22B-Instruct-v0.1', params: 141, kv: [56, 8, 128], heads: 48, context: 64 * K, gated: true },
];

// biome-ignore format: one model, one line
const GEMMA: readonly CatalogueRow[] = [
  { id: 'google/gemma-2-2b-it', params: 2.61, kv: [26, 4, 256], heads: 8, context: 8 * K, gated: true, needsBfloat16: true },
  { id: 'google/gemma-2-9b-it', params: 9.24, kv: [42, 8, 256], heads: 16, context: 8 * K, gated: true, needsBfloat16: true, quantised: ['hugging-quants/gemma-2-9b-it-AWQ-INT4'] },
  { id: 'google/gemma-2-27b-it', params: 27.2, kv: [46, 16, 128], heads: 32, context: 8 * K, gated: true, needsBfloat16: true },
  { id: 'google/gemma-3-1b-it', params: 1.0, kv: [26, 1, 256], heads: 4, context: 32 * K, gated: true, needsBfloat16: true },
  { id: 'google/gemma-3-4b-it', params: 4.3, kv: [34, 4, 256], heads: 8, context: 128 * K, gated: true, needsBfloat16: true, quantised: ['RedHatAI/gemma-3-4b-it-quantized.w4a16'] },
  { id: 'google/gemma-3-12b-it', params: 12.2, kv: [48, 8, 256], heads: 16, context: 128 * K, gated: true, needsBfloat16: true, quantised: ['RedHatAI/gemma-3-12b-it-quantized.w4a16'] },
  { id: 'google/gemma-3-27b-it', params: 27.4, kv: [62, 16, 128], heads: 32, context: 128 * K, gated: true, needsBfloat16: true, quantised: ['RedHatAI/gemma-3-27b-it-quantized.w4a16'] },
];

// biome-ignore format: one model, one line
const DEEPSEEK: readonly CatalogueRow[] = [
  { id: 'deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B', params: 1.78, kv: [28, 2, 128], heads: 12, context: 128 * K, quantised: ['casperhansen/deepseek-r1-distill-qwen-1.5b-awq'] },
  { id: 'deepseek-ai/DeepSeek-R1-Distill-Qwen-7B', params: 7.62, kv: [28, 4, 128], heads: 28, context: 128 * K, quantised: ['casperhansen/deepseek-r1-distill-qwen-7b-awq'] },
  { id: 'deepseek-ai/DeepSeek-R1-Distill-Llama-8B', params: 8.03, kv: [32, 8, 128], heads: 32, context: 128 * K, quantised: ['casperhansen/deepseek-r1-distill-llama-8b-awq'] },
  { id: 'deepseek-ai/DeepSeek-R1-Distill-Qwen-14B', params: 14.8, kv: [48, 8, 128], heads: 40, context: 128 * K, quantised: ['casperhansen/deepseek-r1-distill-qwen-14b-awq'] },
  { id: 'deepseek-ai/DeepSeek-R1-Distill-Qwen-32B', params: 32.8, kv: [64, 8, 128], heads: 40, context: 128 * K, quantised: ['casperhansen/deepseek-r1-distill-qwen-32b-awq'] },
  { id: 'deepseek-ai/DeepSeek-R1-Distill-Llama-70B', params: 70.6, kv: [80, 8, 128], heads: 64, context: 128 * K, quantised: ['casperhansen/deepseek-r1-distill-llama-70b-awq'] },
  { id: 'deepseek-ai/DeepSeek-R1-0528-Qwen3-8B', params: 8.19, kv: [36, 8, 128], heads: 32, context: 128 * K },
];

// biome-ignore format: one model, one line
const OTHERS: readonly CatalogueRow[] = [
  { id: 'microsoft/Phi-3-mini-4k-instruct', params: 3.82, kv: [32, 32, 96], heads: 32, context: 4 * K },
  { id: 'microsoft/Phi-3.5-mini-instruct', params: 3.82, kv: [32, 32, 96], heads: 32, context: 128 * K },
  { id: 'microsoft/Phi-4-mini-instruct', params: 3.84, kv: [32, 8, 128], heads: 24, context: 128 * K },
  { id: 'microsoft/phi-4', params: 14.7, kv: [40, 10, 128], heads: 40, context: 16 * K, quantised: ['stelterlab/phi-4-AWQ'] },
  { id: '01-ai/Yi-1.5-6B-Chat', params: 6.06, kv: [32, 4, 128], heads: 32, context: 4 * K },
  { id: '01-ai/Yi-1.5-9B-Chat', params: 8.83, kv: [48, 4, 128], heads: 32, context: 4 * K },
  { id: '01-ai/Yi-1.5-34B-Chat', params: 34.4, kv: [60, 8, 128], heads: 56, context: 4 * K },
  { id: 'openai/gpt-oss-20b', params: 20.9, kv: [24, 8, 64], heads: 64, context: 128 * K, bits: 4, method: 'mxfp4', needsBfloat16: true },
  { id: 'HuggingFaceTB/SmolLM2-1.7B-Instruct', params: 1.71, kv: [24, 32, 64], heads: 32, context: 8 * K },
  { id: 'tiiuae/Falcon3-7B-Instruct', params: 7.46, kv: [28, 4, 256], heads: 12, context: 32 * K },
  { id: 'allenai/OLMo-2-1124-7B-Instruct', params: 7.3, kv: [32, 32, 128], heads: 32, context: 4 * K },
  { id: 'ibm-granite/granite-3.3-8b-instruct', params: 8.17, kv: [40, 8, 128], heads: 32, context: 128 * K },
  { id: 'facebook/opt-125m', params: 0.125, kv: [12, 12, 64], heads: 12, context: 2 * K },
];

// biome-ignore format: one model, one line
const POOLING: readonly CatalogueRow[] = [
  { id: 'BAAI/bge-small-en-v1.5', params: 0.033, kv: ENCODER, heads: 12, context: 512, pooling: true },
  { id: 'BAAI/bge-base-en-v1.5', params: 0.109, kv: ENCODER, heads: 12, context: 512, pooling: true },
  { id: 'BAAI/bge-large-en-v1.5', params: 0.335, kv: ENCODER, heads: 16, context: 512, pooling: true },
  { id: 'BAAI/bge-m3', params: 0.568, kv: ENCODER, heads: 16, context: 8 * K, pooling: true },
  { id: 'intfloat/e5-large-v2', params: 0.335, kv: ENCODER, heads: 16, context: 512, pooling: true },
  { id: 'intfloat/multilingual-e5-large', params: 0.56, kv: ENCODER, heads: 16, context: 512, pooling: true },
  { id: 'intfloat/multilingual-e5-large-instruct', params: 0.56, kv: ENCODER, heads: 16, context: 512, pooling: true },
  { id: 'intfloat/e5-mistral-7b-instruct', params: 7.11, kv: [32, 8, 128], heads: 32, context: 32 * K, pooling: true },
  { id: 'thenlper/gte-large', params: 0.335, kv: ENCODER, heads: 16, context: 512, pooling: true },
  { id: 'Alibaba-NLP/gte-Qwen2-1.5B-instruct', params: 1.78, kv: [28, 2, 128], heads: 12, context: 32 * K, pooling: true },
  { id: 'Alibaba-NLP/gte-Qwen2-7B-instruct', params: 7.61, kv: [28, 4, 128], heads: 28, context: 32 * K, pooling: true },
  { id: 'Qwen/Qwen3-Embedding-0.6B', params: 0.596, kv: [28, 8, 128], heads: 16, context: 32 * K, pooling: true },
  { id: 'Qwen/Qwen3-Embedding-4B', params: 4.02, kv: [36, 8, 128], heads: 32, context: 40 * K, pooling: true },
  { id: 'Qwen/Qwen3-Embedding-8B', params: 7.57, kv: [36, 8, 128], heads: 32, context: 40 * K, pooling: true },
];

export const CATALOGUE: readonly CatalogueRow[] = [
  ...QWEN,
  ...LLAMA,
  ...MISTRAL,
  ...GEMMA,
  ...DEEPSEEK,
  ...OTHERS,
  ...POOLING,
];
