/**
 * Whether a model can be served on a card, and with which flags.
 *
 * 1. A flag the caller gave is never given again, contradicted or left out of the reckoning.
 * 2. More memory never serves less: what fits a card fits every larger one, in weights at least as large.
 */
import {
  asVariant,
  bytesPerParam,
  describeModel,
  findImage,
  type Method,
  type Model,
  weightsGbOf,
} from './catalogue.ts';

/** The card (or cards) and what is to run there. */
export type ServingOrder = {
  readonly model: string;
  /** Per GPU. */
  readonly gpuRamMib: number;
  readonly gpuCount: number;
  readonly computeCapability: number;
  /** The caller's own. */
  readonly vllmArgs: readonly string[];
  /** The caller vouches for the memory (`gpu_ram_gib`): serve what was asked for, as it is. */
  readonly isMemoryTrusted?: boolean;
};

export type Serving = {
  readonly fits: true;
  /** Hugging Face id really loaded: the model's own, or a quantised form of it. */
  readonly servedModel: string;
  /** The caller's flags, then ours; `--model` and `--served-model-name` are not among them. */
  readonly vllmArgs: readonly string[];
  /** Longest request it can take; null where only the model's configuration could say. */
  readonly contextTokens: number | null;
  /** Answers embeddings, not chats. */
  readonly isPooling: boolean;
  /** Downloaded, decimal GB. */
  readonly weightsGb: number;
  /** Least memory per GPU for this very plan, MiB. */
  readonly vramNeededMib: number;
};

export type Misfit = { readonly fits: false; readonly why: string };
export type ServingPlan = Serving | Misfit;

/** The largest form of the model that the card holds with a usable context, and the flags to serve it with. */
export function planServing(order: ServingOrder): ServingPlan {
  const model = describeModel(order.model);
  const flags = readFlags(order.vllmArgs);
  const split = splitOver(order.gpuCount, model, flags);
  if (typeof split === 'string') return misfit(split);

  // Weights in full first, at vLLM's own share of the card; a larger share only when nothing else fits.
  const forms = formsOf(model, flags).filter((form) => runsOn(form, order.computeCapability, flags));
  if (forms.length === 0) return misfit(whyNoFormRuns(model, order));
  for (const share of flags.memoryShare === null ? MEMORY_SHARES : [flags.memoryShare]) {
    for (const form of forms) {
      const context = contextOn({ form, split, share, flags, gpuRamMib: order.gpuRamMib });
      if (context !== null) return serving({ form, split, share, flags, context, order });
    }
  }
  const [asked] = forms;
  if (order.isMemoryTrusted && asked !== undefined) return servingOnTrust(asked, split, flags, order);
  return misfit(whyTooSmall(forms, split, flags, order));
}

/** GB of disk for the image, the weights and what vLLM compiles and logs; in steps of 5. */
export function diskGbNeeded({ image, weightsGb }: { image: string; weightsGb: number }): number {
  const { unpackedGb } = findImage(image);
  // While the image unpacks its layers lie there twice, and an interrupted download is fetched anew.
  const headRoomGb = 8 + 0.1 * weightsGb;
  return Math.ceil((unpackedGb + weightsGb + headRoomGb) / 5) * 5;
}

/** vLLM's default, then what a card without a display can give. */
const MEMORY_SHARES = [0.9, 0.95] as const;
/** A shorter context than this is not worth a card while a smaller form of the model fits. */
const CONTEXT_MIN = 4096;
/** Of the memory we reckon free for the cache: too much of it in the flag is fatal, too little is harmless. */
const CACHE_SAFETY = 0.9;
const GIB = 1024 ** 3;

type Split = { readonly tensor: number; readonly pipeline: number };

type Flags = {
  readonly given: readonly string[];
  readonly has: (...names: string[]) => boolean;
  /** null: not given; 'auto': vLLM finds what fits. */
  readonly contextTokens: number | 'auto' | null;
  readonly memoryShare: number | null;
  readonly tensor: number | null;
  readonly pipeline: number | null;
  readonly quantization: string | null;
  readonly dtype: string | null;
};

/** A form of the model, with the weights it has on the card (the download may be larger). */
type Form = { readonly model: Model; readonly weightsGbOnCard: number };

function readFlags(vllmArgs: readonly string[]): Flags {
  const read = (...names: string[]) => flagValue(vllmArgs, names);
  return {
    given: vllmArgs,
    has: (...names) => read(...names) !== null,
    contextTokens: tokensOf(read('--max-model-len')),
    memoryShare: numberOf(read('--gpu-memory-utilization')),
    tensor: numberOf(read('--tensor-parallel-size', '-tp')),
    pipeline: numberOf(read('--pipeline-parallel-size', '-pp')),
    quantization: read('--quantization', '-q'),
    dtype: read('--dtype'),
  };
}

/** vLLM takes `--flag value` and `--flag=value`, and underscores for hyphens. '' is a flag without a value. */
function flagValue(args: readonly string[], names: readonly string[]): string | null {
  for (const [at, arg] of args.entries()) {
    const [name = '', ...rest] = arg.split('=');
    const plain = name.startsWith('--') ? name.replaceAll('_', '-') : name;
    if (!names.includes(plain)) continue;
    if (rest.length > 0) return rest.join('=');
    const next = args[at + 1];
    return next === undefined || /^--?[a-z]/i.test(next) ? '' : next;
  }
  return null;
}

function numberOf(text: string | null): number | null {
  const value = Number(text ?? '');
  return text !== null && text !== '' && Number.isFinite(value) && value > 0 ? value : null;
}

/** vLLM reads `32k` as 32,000 and `32K` as 32,768; -1 and `auto` as whatever fits. */
function tokensOf(text: string | null): number | 'auto' | null {
  if (text === null || text === '') return null;
  if (text === 'auto' || text === '-1') return 'auto';
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)([kKmM]?)$/.exec(text) ?? [];
  const scale = { k: 1e3, K: 1024, m: 1e6, M: 1024 ** 2 }[unit] ?? 1;
  const tokens = numberOf(digits);
  return tokens === null ? null : Math.floor(tokens * scale);
}

/** How the model is divided over the GPUs; a sentence when the caller's own division asks for others. */
function splitOver(gpuCount: number, model: Model, flags: Flags): Split | string {
  const pipeline = flags.pipeline ?? 1;
  if (flags.tensor !== null || flags.pipeline !== null) {
    const tensor = flags.tensor ?? Math.max(1, Math.floor(gpuCount / pipeline));
    if (tensor * pipeline <= gpuCount) return { tensor, pipeline };
    return `vllm_args divide the model over ${tensor * pipeline} GPUs, the offer has ${gpuCount}`;
  }
  // Encoders are small, and vLLM runs them on one GPU.
  if (model.kvBytesPerToken === 0) return { tensor: 1, pipeline: 1 };
  // Tensor parallelism must divide the attention heads: 28 heads take 4 GPUs, not 8.
  let tensor = gpuCount;
  while (gpuCount % tensor !== 0 || model.heads % tensor !== 0) tensor -= 1;
  return { tensor, pipeline: gpuCount / tensor };
}

/** The forms to try, largest weights first. Whoever says how to quantise has chosen the form. */
function formsOf(model: Model, flags: Flags): Form[] {
  const asked = { model, weightsGbOnCard: weightsOnCardGb(model, flags) };
  if (flags.quantization !== null || flags.dtype === 'float32') return [asked];
  const smaller = model.quantised.map((variant) => asVariant(model, variant));
  return [asked, ...smaller.map((form) => ({ model: form, weightsGbOnCard: weightsGbOf(form) }))];
}

function weightsOnCardGb(model: Model, flags: Flags): number {
  const published = weightsGbOf(model);
  if (model.bits !== 16) return published;
  if (flags.dtype === 'float32' || flags.dtype === 'float') return published * 2;
  const method = flags.quantization?.toLowerCase() ?? '';
  // vLLM can quantise 16-bit weights while it loads them.
  if (/fp8|int8|8bit/.test(method)) return model.paramsBillion * bytesPerParam(model.paramsBillion, 8);
  if (/bitsandbytes|awq|gptq|int4|4bit/.test(method)) {
    return model.paramsBillion * bytesPerParam(model.paramsBillion, 4);
  }
  return published;
}

/** Least compute capability of vLLM's kernels for each form: Volta runs GPTQ, but no AWQ and no FP8. */
const CAPABILITY_MIN: Readonly<Record<Method, number>> = {
  none: 7.0,
  gptq: 7.0,
  awq: 7.5,
  fp8: 8.0,
  'compressed-tensors': 8.0,
  mxfp4: 8.0,
};

function runsOn({ model }: Form, computeCapability: number, flags: Flags): boolean {
  if (computeCapability < CAPABILITY_MIN[model.method]) return false;
  return computeCapability >= 8 || !model.needsBfloat16 || flags.dtype === 'float32';
}

type Placement = {
  readonly form: Form;
  readonly split: Split;
  readonly share: number;
  readonly flags: Flags;
};

/** Tokens of context the card has room for: null when they are too few. */
function contextOn(placement: Placement & { gpuRamMib: number }): number | null {
  const { form, split, share, flags, gpuRamMib } = placement;
  const freeBytes = (gpuRamMib / 1024) * share * GIB - fixedBytes(form, split);
  if (freeBytes <= 0) return null;

  const most = form.model.contextMax ?? CONTEXT_MIN;
  const perToken = kvBytesPerGpu(form.model, split);
  const room = perToken === 0 ? most : roundDown((freeBytes * CACHE_SAFETY) / perToken);
  const asked = flags.contextTokens;
  if (typeof asked === 'number') return room >= asked ? asked : null;
  return room >= Math.min(CONTEXT_MIN, most) ? Math.min(room, most) : null;
}

/** Weights, activations and the captured graphs, per GPU. */
function fixedBytes({ model, weightsGbOnCard }: Form, { tensor, pipeline }: Split): number {
  const overheadGib = Math.min(3, 0.7 + 0.1 * model.paramsBillion);
  return (weightsGbOnCard * 1e9) / (tensor * pipeline) + overheadGib * GIB;
}

/** Each GPU keeps the cache of its own heads and layers; heads are not split further than one per GPU. */
function kvBytesPerGpu(model: Model, { tensor, pipeline }: Split): number {
  if (model.kvBytesPerToken === 0) return 0;
  return model.kvBytesPerToken / Math.min(tensor, model.kvHeads) / pipeline;
}

function roundDown(tokens: number): number {
  return tokens >= 1024 ? Math.floor(tokens / 256) * 256 : Math.floor(tokens);
}

function serving(plan: Placement & { context: number; order: ServingOrder }): Serving {
  const { form, split, share, context, order } = plan;
  return {
    fits: true,
    servedModel: form.model.id,
    vllmArgs: [...order.vllmArgs, ...ownFlags(plan)],
    contextTokens: form.model.contextMax === null && plan.flags.contextTokens === null ? null : context,
    isPooling: form.model.isPooling,
    weightsGb: weightsGbOf(form.model),
    // What rounding took off may make the figure exceed the card by a few MiB.
    vramNeededMib: Math.min(order.gpuRamMib, vramMib(form, split, share, context)),
  };
}

/** Invariant 1: each of ours only where the caller gave none. */
function ownFlags({
  form,
  split,
  share,
  flags,
  context,
  order,
}: Placement & { context: number; order: ServingOrder }): string[] {
  const { model } = form;
  const isLimited = model.isGuess ? model.contextMax !== null : context < (model.contextMax ?? 0);
  return [
    ...flag(
      isLimited && flags.contextTokens === null && !flags.has('--max-model-len'),
      '--max-model-len',
      context,
    ),
    ...splitFlags(split, flags),
    ...flag(share !== MEMORY_SHARES[0] && flags.memoryShare === null, '--gpu-memory-utilization', share),
    ...formFlags(model, flags, order.computeCapability),
  ];
}

function splitFlags({ tensor, pipeline }: Split, flags: Flags): string[] {
  return [
    ...flag(tensor > 1 && flags.tensor === null, '--tensor-parallel-size', tensor),
    ...flag(pipeline > 1 && flags.pipeline === null, '--pipeline-parallel-size', pipeline),
  ];
}

function formFlags(model: Model, flags: Flags, computeCapability: number): string[] {
  const kernel = kernelFor(model.method, computeCapability);
  // Cards before Ampere have no bfloat16, which most models are published in.
  const isHalf = computeCapability < 8;
  return [
    ...(kernel === null ? [] : flag(flags.quantization === null, '--quantization', kernel)),
    ...flag(isHalf && flags.dtype === null, '--dtype', 'half'),
    ...flag(model.isPooling && !flags.has('--runner', '--task'), '--runner', 'pooling'),
  ];
}

/** Naming the plain kernel would keep vLLM from the fast one; checkpoints of the other methods say it themselves. */
function kernelFor(method: Method, computeCapability: number): string | null {
  if (method !== 'awq' && method !== 'gptq') return null;
  return computeCapability >= 8 ? `${method}_marlin` : method;
}

function flag(isWanted: boolean, name: string, value: string | number): string[] {
  return isWanted ? [name, String(value)] : [];
}

/** No `--max-model-len` of ours: whoever vouches for the memory has reckoned with the model's own context. */
function servingOnTrust(form: Form, split: Split, flags: Flags, order: ServingOrder): Serving {
  const asked = typeof flags.contextTokens === 'number' ? flags.contextTokens : null;
  return {
    fits: true,
    servedModel: form.model.id,
    vllmArgs: [
      ...order.vllmArgs,
      ...splitFlags(split, flags),
      ...formFlags(form.model, flags, order.computeCapability),
    ],
    contextTokens: asked ?? form.model.contextMax,
    isPooling: form.model.isPooling,
    weightsGb: weightsGbOf(form.model),
    vramNeededMib: order.gpuRamMib,
  };
}

function vramMib(form: Form, split: Split, share: number, context: number): number {
  const cacheBytes = (context * kvBytesPerGpu(form.model, split)) / CACHE_SAFETY;
  return Math.ceil((fixedBytes(form, split) + cacheBytes) / share / 1024 ** 2);
}

function whyNoFormRuns(model: Model, { computeCapability }: ServingOrder): string {
  const reason = model.needsBfloat16 ? 'it needs bfloat16' : `its weights are ${model.method}`;
  return `${model.id} does not run on compute capability ${computeCapability.toFixed(1)}: ${reason}`;
}

function whyTooSmall(forms: readonly Form[], split: Split, flags: Flags, order: ServingOrder): string {
  const share = flags.memoryShare ?? MEMORY_SHARES[1];
  const needs = forms.map((form) => {
    const most = form.model.contextMax ?? CONTEXT_MIN;
    const least = typeof flags.contextTokens === 'number' ? flags.contextTokens : Math.min(CONTEXT_MIN, most);
    return { id: form.model.id, tokens: least, mib: vramMib(form, split, share, least) };
  });
  const [first] = needs;
  const easiest = needs.reduce(
    (a, b) => (b.mib < a.mib ? b : a),
    first ?? { id: order.model, tokens: 0, mib: 0 },
  );
  const need = `${easiest.id} with ${words(easiest.tokens)} tokens of context needs ${words(easiest.mib)} MiB per GPU`;
  return `${need}, the card has ${words(order.gpuRamMib)}`;
}

function misfit(why: string): Misfit {
  return { fits: false, why };
}

function words(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}
