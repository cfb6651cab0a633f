/**
 * What the look-alike's models take. Written from Anthropic's model pages and migration guides, apart from the
 * product's own reading of them, so that a misreading shows.
 */
export type LookAlikeModel = {
  readonly tokensMax: number;
  /** `free`: temperature and top_p; `either`: one of them; `fixed`: temperature 1 and top_p from 0.99 only. */
  readonly sampling: 'free' | 'either' | 'fixed';
  readonly thinkingTypes: readonly string[];
  readonly thinksUnasked: boolean;
  readonly efforts: readonly string[];
  readonly takesForcedTools: boolean;
  readonly takesFormat: boolean;
  readonly takesPrefill: boolean;
};

const OLD: LookAlikeModel = {
  tokensMax: 64_000,
  sampling: 'either',
  thinkingTypes: ['enabled', 'disabled'],
  thinksUnasked: false,
  efforts: [],
  takesForcedTools: true,
  takesFormat: true,
  takesPrefill: true,
};

const NEW: LookAlikeModel = {
  tokensMax: 128_000,
  sampling: 'fixed',
  thinkingTypes: ['adaptive', 'disabled'],
  thinksUnasked: true,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  takesForcedTools: true,
  takesFormat: true,
  takesPrefill: false,
};

const OF_4_6: LookAlikeModel = {
  ...NEW,
  sampling: 'either',
  thinkingTypes: ['adaptive', 'disabled', 'enabled'],
  thinksUnasked: false,
  efforts: ['low', 'medium', 'high', 'max'],
};

export const MODELS: Readonly<Record<string, LookAlikeModel>> = {
  'claude-fable-5-1': { ...NEW, thinkingTypes: ['adaptive'], takesForcedTools: false },
  'claude-opus-5-5': { ...NEW, thinkingTypes: ['adaptive'], takesForcedTools: false },
  'claude-sonnet-5-5': { ...NEW, thinkingTypes: ['adaptive', 'between_tools'], takesForcedTools: false },
  'claude-haiku-5-5': NEW,
  'claude-opus-5': NEW,
  'claude-sonnet-5': NEW,
  'claude-opus-4-8': { ...NEW, thinksUnasked: false },
  'claude-sonnet-4-6': OF_4_6,
  'claude-opus-4-6': OF_4_6,
  'claude-opus-4-5': { ...OLD, efforts: ['low', 'medium', 'high'] },
  'claude-sonnet-4-5': OLD,
  'claude-sonnet-4-5-20250929': OLD,
  'claude-haiku-4-5': OLD,
  'claude-haiku-4-5-20251001': OLD,
  'claude-sonnet-4-20250514': { ...OLD, takesFormat: false },
  'claude-3-haiku-20240307': {
    ...OLD,
    tokensMax: 4_096,
    sampling: 'free',
    thinkingTypes: ['disabled'],
    takesFormat: false,
  },
};
