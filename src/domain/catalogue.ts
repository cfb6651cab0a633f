/**
 * What is known of a model before a card is rented for it: its size, its context and its smaller forms.
 * Wrong figures cost money twice: too low rents a card on which vLLM dies, too high one dearer than needed.
 */
import { CATALOGUE, type CatalogueRow } from './catalogue-data.ts';

/** How a checkpoint's weights are stored; the names are vLLM's. */
export type Method = 'none' | 'awq' | 'gptq' | 'fp8' | 'compressed-tensors' | 'mxfp4';

/** The same model with smaller weights, under a Hugging Face id of its own. */
export type Variant = {
  readonly id: string;
  readonly bits: 8 | 4;
  readonly method: Method;
};

export type Model = {
  /** Hugging Face id, or a path. */
  readonly id: string;
  readonly paramsBillion: number;
  readonly bits: 16 | 8 | 4;
  readonly method: Method;
  /** Of this id's own checkpoint; embeddings stay in 16 bit whatever the rest is in. */
  readonly bytesPerParam: number;
  /** Most tokens the model was made for; null where only its configuration could say. */
  readonly contextMax: number | null;
  /** Layers × key/value heads × head size × 2 (key and value) × 2 bytes; 0 for encoders, which keep no cache. */
  readonly kvBytesPerToken: number;
  readonly kvHeads: number;
  /** Tensor parallelism must divide these. */
  readonly heads: number;
  readonly isPooling: boolean;
  /** The model hub asks for a token whose owner has accepted a licence. */
  readonly isGated: boolean;
  /** vLLM refuses float16 for it, and bfloat16 needs compute capability 8.0. */
  readonly needsBfloat16: boolean;
  /** Larger weights first. */
  readonly quantised: readonly Variant[];
  /** Its figures come from its name, not from the catalogue. */
  readonly isGuess: boolean;
};

/** Hugging Face compares ids without case, and so do we. Variants are models too. */
export function findModel(id: string): Model | null {
  return BY_ID.get(id.toLowerCase()) ?? null;
}

/** The catalogue's figures, or else those the name gives away. */
export function describeModel(id: string): Model {
  return findModel(id) ?? guessModel(id);
}

/**
 * Reads size and storage out of a name, such as `acme/Chat-8x7B-AWQ`.
 *
 * A path, or a name without a size, is taken for a small model (1.5 billion parameters in 16 bit): renting a
 * large card for it would be the dearer mistake, and `gpu_ram_gib` is there for whoever knows better.
 */
export function guessModel(id: string): Model {
  const isPath = isLocalPath(id);
  const name = lastSegment(id);
  const read = isPath ? null : readParams(name);
  const paramsBillion = read ?? UNREADABLE_PARAMS_BILLION;
  const isReadable = read !== null;
  const { bits, method } = readStorage(name);
  const isPooling = POOLING_NAME.test(name);
  return {
    id,
    paramsBillion,
    bits,
    method,
    bytesPerParam: bytesPerParam(paramsBillion, bits),
    contextMax: isReadable && !isPooling && paramsBillion >= 1 ? GUESSED_CONTEXT : null,
    kvBytesPerToken: guessKvBytesPerToken(paramsBillion),
    kvHeads: 8,
    heads: 32,
    isPooling,
    isGated: false,
    needsBfloat16: false,
    quantised: [],
    isGuess: true,
  };
}

/** Decimal gigabytes, as downloads are counted. */
export function weightsGbOf(model: Pick<Model, 'paramsBillion' | 'bytesPerParam'>): number {
  return model.paramsBillion * model.bytesPerParam;
}

/** The model as `variant` stores it. */
export function asVariant(model: Model, variant: Variant): Model {
  return {
    ...model,
    id: variant.id,
    bits: variant.bits,
    method: variant.method,
    bytesPerParam: bytesPerParam(model.paramsBillion, variant.bits),
    // Converted checkpoints are published by others than the licensor, and none of those listed is gated.
    isGated: false,
    quantised: [],
  };
}

/**
 * Bytes a parameter takes on disk and on the card.
 *
 * Embeddings and scales stay in 16 bit, and weigh more in small models. Fitted to published checkpoints:
 * Qwen2.5 in 4 bit is 5.6 GB at 7.6 B, 10.0 at 14.8, 19.3 at 32.8; in 8 bit 8.9 GB at 7.6 B.
 */
export function bytesPerParam(paramsBillion: number, bits: 16 | 8 | 4): number {
  const root = Math.sqrt(paramsBillion);
  if (bits === 4) return Math.min(2, 0.53 + 0.55 / root);
  if (bits === 8) return Math.min(2, 1 + 0.45 / root);
  return 2;
}

/** Every model the catalogue describes, variants not counted. */
export function catalogueModels(): Model[] {
  return CATALOGUE.map(toModel);
}

/** What an image asks of a machine. */
export type ImageFacts = {
  /** What is pulled. */
  readonly compressedGb: number;
  /** What it takes on disk. */
  readonly unpackedGb: number;
  /** Least CUDA the machine's driver must support. */
  readonly cudaMin: number;
  readonly computeCapabilityMin: number;
  /** Null: no newest. */
  readonly computeCapabilityMax: number | null;
  readonly driverMajorMin: number;
};

/**
 * Figures of vLLM's image, for any image: those that serve a model are built like it.
 *
 * It is built with CUDA 12.9, which runs on every 12.x driver from 550 on (12.4); cards from Blackwell on need
 * 12.8, which `cudaMinFor` says. Compiled for compute capability 7.0 upwards.
 */
export function findImage(image: string): ImageFacts {
  const version = /(?:^|\/)vllm-openai:v0\.(\d+)\./.exec(image);
  // Images before 0.9 were compiled for Hopper at the newest.
  const isOld = version !== null && Number(version[1]) < 9;
  return { ...VLLM_IMAGE, computeCapabilityMax: isOld ? 9.0 : null };
}

/** Least CUDA for a card of this compute capability under an image that asks for `cudaMin`. */
export function cudaMinFor(computeCapability: number, cudaMin: number): number {
  return computeCapability >= 10 ? Math.max(12.8, cudaMin) : cudaMin;
}

const VLLM_IMAGE: ImageFacts = {
  compressedGb: 10,
  unpackedGb: 25,
  cudaMin: 12.4,
  computeCapabilityMin: 7.0,
  computeCapabilityMax: null,
  driverMajorMin: 550,
};

const UNREADABLE_PARAMS_BILLION = 1.5;
/** Every larger chat model since 2023 was made for this much; asking vLLM for more than a model has is fatal. */
const GUESSED_CONTEXT = 4096;
const POOLING_NAME = /(^|[-_.])(bge|e5|gte|embed(ding)?s?)([-_.]|$)/i;

/** Attention is shared by the experts: Mixtral 8x7B has 46.7 billion parameters, not 56. */
const EXPERTS_OWN_SHARE = 0.835;

function readParams(name: string): number | null {
  const experts = /(?:^|[^a-z0-9.])(\d+)x(\d+(?:\.\d+)?)b(?![a-z])/i.exec(name);
  if (experts) return Number(experts[1]) * Number(experts[2]) * EXPERTS_OWN_SHARE;
  const billions = /(?:^|[^a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z])/i.exec(name);
  if (billions) return positive(Number(billions[1]));
  const millions = /(?:^|[^a-z0-9.])(\d+(?:\.\d+)?)m(?![a-z])/i.exec(name);
  return millions ? positive(Number(millions[1]) / 1000) : null;
}

function positive(value: number): number | null {
  return value > 0 ? value : null;
}

function readStorage(name: string): { bits: 16 | 8 | 4; method: Method } {
  const isEight = /int-?8|8-?bit|w8a8|w8a16/i.test(name);
  if (/awq/i.test(name)) return { bits: 4, method: 'awq' };
  if (/gptq/i.test(name)) return { bits: isEight ? 8 : 4, method: 'gptq' };
  if (/fp8/i.test(name)) return { bits: 8, method: 'fp8' };
  if (isEight) return { bits: 8, method: 'compressed-tensors' };
  if (/int-?4|4-?bit|w4a16|nvfp4|mxfp4|bnb/i.test(name)) return { bits: 4, method: 'compressed-tensors' };
  return { bits: 16, method: 'none' };
}

/** On the high side of what models of that size keep (Qwen3, Llama 3): running out of cache is fatal. */
function guessKvBytesPerToken(paramsBillion: number): number {
  if (paramsBillion <= 10) return 36 * 8 * 128 * 4;
  if (paramsBillion <= 20) return 48 * 8 * 128 * 4;
  if (paramsBillion <= 40) return 64 * 8 * 128 * 4;
  return 80 * 8 * 128 * 4;
}

function isLocalPath(id: string): boolean {
  return /^[./~]/.test(id) || /^[a-z]:[\\/]/i.test(id) || id.split('/').length > 2;
}

function lastSegment(id: string): string {
  return id.split('/').at(-1) ?? id;
}

function toModel(row: CatalogueRow): Model {
  const [layers, kvHeads, headSize] = row.kv;
  const bits = row.bits ?? 16;
  return {
    id: row.id,
    paramsBillion: row.params,
    bits,
    method: row.method ?? 'none',
    bytesPerParam: bytesPerParam(row.params, bits),
    contextMax: row.context,
    kvBytesPerToken: layers * kvHeads * headSize * 4,
    kvHeads,
    heads: row.heads,
    isPooling: row.pooling ?? false,
    isGated: row.gated ?? false,
    needsBfloat16: row.needsBfloat16 ?? false,
    quantised: (row.quantised ?? []).map(toVariant),
    isGuess: false,
  };
}

/** How a listed checkpoint is stored is in its name. */
function toVariant(id: string): Variant {
  const { bits, method } = readStorage(lastSegment(id));
  if (bits === 16) throw new Error(`Not the name of a quantised checkpoint: ${id}`);
  return { id, bits, method };
}

const BY_ID: ReadonlyMap<string, Model> = new Map(
  catalogueModels().flatMap((model) => [
    ...model.quantised.map((variant) => entry(asVariant(model, variant))),
    entry(model),
  ]),
);

function entry(model: Model): [string, Model] {
  return [model.id.toLowerCase(), model];
}
