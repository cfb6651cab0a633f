import type { z } from 'zod';

/** One thing an application does with an official package. */
export type ClientCase = {
  readonly name: string;
  readonly call: Call;
  /** As the package takes them; `$model` stands for the target's. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** Fields that the package has no name for. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly key?: keyof Keys;
  readonly retries?: number;
  readonly timeoutSeconds?: number;
  readonly count?: number;
};

export type Call =
  | 'models.list'
  | 'models.retrieve'
  | `chat${'' | '.stream' | '.stream.helper' | '.stream.async' | '.parse' | '.turns' | '.headers' | '.abort'}`
  | `chat.${'retry' | 'retry-after' | 'broken' | 'many' | 'long'}`
  | `completions${'' | '.stream'}`
  | 'embeddings'
  | `responses${'' | '.stream'}`;

/** Keys of the gateway: one for all, one that is none, one that may use another model only. */
export type Keys = { readonly all: string; readonly wrong: string; readonly other: string };

export type ClientInput = {
  readonly url: string;
  readonly keys: Keys;
  readonly cases: readonly ClientCase[];
};

/** Who answers behind the gateway. `real` is a vLLM whose weights are random. */
export type TargetKind = 'vllm' | 'anthropic' | 'real';

/** What must be seen: of each target, or of one as of `vllm` where nothing else is said. */
export type Expected = Partial<Record<TargetKind, z.ZodType>> & { readonly vllm: z.ZodType };

export type Case = ClientCase & { readonly expected: Expected };

export function expectationOf({ expected }: Case, kind: TargetKind): z.ZodType {
  return expected[kind] ?? expected.vllm;
}

/** Models of the providers that misbehave; see `stage.ts`. */
export const MISBEHAVING = ['limited-once', 'limited', 'broken', 'cut', 'silent'] as const;
