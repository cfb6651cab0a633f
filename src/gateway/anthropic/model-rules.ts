/** How hard a model may be told to think (`output_config.effort`). */
export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max';

/**
 * What one Claude model takes, and what it answers with 400.
 *
 * Source: the migration guides and model pages of platform.claude.com, as stored in November 2026.
 */
export type ModelRules = {
  /** `one-of`: temperature or top_p, not both. `none`: neither, since the model samples as it likes. */
  readonly sampling: 'both' | 'one-of' | 'none';
  /** Whether `tool_choice` may force a tool (`any`, `tool`). */
  readonly canForceTools: boolean;
  readonly hasStructuredOutputs: boolean;
  /** From the least on; none where the model has no `effort`. */
  readonly efforts: readonly Effort[];
  /** `unasked`: without being told to, which a caller who pays for its tokens has to see. `null`: not adaptively. */
  readonly thinks: 'unasked' | 'when-asked' | null;
  /** What turns thinking off; null: nothing does. */
  readonly thinkingOff: 'disabled' | 'between_tools' | null;
  /** The most `max_tokens` may be; null: not known. */
  readonly tokensMax: number | null;
};

/** What is known of a model, dated or not. One that is not known is taken for a new one: least is sent to it. */
export function rulesOf(model: string): ModelRules {
  const row = ROWS.find(([pattern]) => pattern.test(model));
  return row ? { ...UNKNOWN, ...row[1] } : UNKNOWN;
}

const UNKNOWN: ModelRules = {
  sampling: 'none',
  canForceTools: true,
  hasStructuredOutputs: true,
  efforts: [],
  thinks: null,
  thinkingOff: null,
  tokensMax: null,
};

const EFFORTS_ALL: readonly Effort[] = ['low', 'medium', 'high', 'xhigh', 'max'];

const SINCE_4_7: Partial<ModelRules> = { efforts: EFFORTS_ALL, tokensMax: 128_000, thinkingOff: 'disabled' };
const OF_4_6: Partial<ModelRules> = {
  sampling: 'one-of',
  efforts: ['low', 'medium', 'high', 'max'],
  thinks: 'when-asked',
  thinkingOff: 'disabled',
  tokensMax: 128_000,
};
const OF_4: Partial<ModelRules> = { sampling: 'one-of', hasStructuredOutputs: false, tokensMax: 64_000 };
const OF_3: Partial<ModelRules> = { sampling: 'both', hasStructuredOutputs: false };

/** Families of models and their rules; a model is of a family by its alias or with the date of its snapshot. */
const ROWS: readonly [pattern: RegExp, rules: Partial<ModelRules>][] = [
  [
    family('(?:fable|mythos)-5-1'),
    { ...SINCE_4_7, canForceTools: false, thinks: 'unasked', thinkingOff: null },
  ],
  [family('(?:fable|mythos)-5'), { ...SINCE_4_7, thinks: 'unasked', thinkingOff: null }],
  [family('opus-5-5'), { ...SINCE_4_7, canForceTools: false, thinks: 'unasked', thinkingOff: null }],
  [
    family('sonnet-5-5'),
    { ...SINCE_4_7, canForceTools: false, thinks: 'unasked', thinkingOff: 'between_tools' },
  ],
  [family('(?:haiku-5-5|opus-5|sonnet-5)'), { ...SINCE_4_7, thinks: 'unasked' }],
  [family('opus-4-[78]'), { ...SINCE_4_7, thinks: 'when-asked' }],
  [family('(?:opus|sonnet)-4-6'), OF_4_6],
  // Its thinking takes a budget, not an effort: the effort is of its answers.
  [family('opus-4-5'), { ...OF_4, hasStructuredOutputs: true, efforts: ['low', 'medium', 'high'] }],
  [family('(?:sonnet|haiku)-4-5'), { ...OF_4, hasStructuredOutputs: true }],
  [family('opus-4-1'), { ...OF_4, hasStructuredOutputs: true, tokensMax: 32_000 }],
  [family('opus-4'), { ...OF_4, tokensMax: 32_000 }],
  [family('sonnet-4'), OF_4],
  [family('3-7-sonnet'), { ...OF_3, tokensMax: 64_000 }],
  [family('3-5-(?:sonnet|haiku)'), { ...OF_3, tokensMax: 8_192 }],
  [family('3-(?:opus|sonnet|haiku)'), { ...OF_3, tokensMax: 4_096 }],
];

function family(name: string): RegExp {
  return new RegExp(`^claude-${name}(?:-\\d{8}|-latest|-0)?$`);
}
