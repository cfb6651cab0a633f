import { badRequest } from '../errors.ts';
import { isRecord } from './parts.ts';

/**
 * Refuses what would change the answer and has no counterpart. Not refused, since an answer without it is still
 * one to the question: `seed`, penalties, `logprobs: false`, `store`, `service_tier`, `prediction`, and whatever is
 * not known here.
 */
export function refuseInexpressible(body: Record<string, unknown>): void {
  for (const [field, isHarmless, told] of REFUSED) {
    const value = body[field];
    if (value === undefined || value === null || isHarmless(value)) continue;
    throw badRequest(`A Claude model cannot do this: ${told}.`, field);
  }
}

type Refused = [field: string, isHarmless: (value: unknown) => boolean, told: string];

const isEmpty = (value: unknown) =>
  value === '' ||
  (Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0);
const isFalse = (value: unknown) => value === false;
const isOne = (value: unknown) => value === 1;
const never = () => false;

const REFUSED: readonly Refused[] = [
  ['n', isOne, '`n` other than 1, several answers to one request'],
  ['best_of', isOne, '`best_of` other than 1'],
  ['logprobs', isFalse, '`logprobs`, probabilities of tokens'],
  ['top_logprobs', (value) => value === 0, '`top_logprobs`, probabilities of tokens'],
  ['prompt_logprobs', isFalse, '`prompt_logprobs`, probabilities of tokens'],
  ['logit_bias', isEmpty, '`logit_bias`'],
  ['echo', isFalse, '`echo`, the prompt before the answer'],
  ['suffix', isEmpty, '`suffix`, text to end at'],
  ['audio', never, '`audio`, speech'],
  [
    'modalities',
    (value) => Array.isArray(value) && value.every((modality) => modality === 'text'),
    '`modalities` other than text',
  ],
  ['web_search_options', never, '`web_search_options`'],
  ['functions', isEmpty, '`functions`; use `tools`'],
  ['function_call', (value) => value === 'none' || value === 'auto', '`function_call`; use `tool_choice`'],
  // vLLM's own: each promises a form of the answer.
  ['continue_final_message', isFalse, '`continue_final_message`'],
  ['structured_outputs', never, '`structured_outputs`; use `response_format`'],
  ['guided_json', never, '`guided_json`; use `response_format`'],
  ['guided_regex', never, '`guided_regex`'],
  ['guided_choice', never, '`guided_choice`'],
  ['guided_grammar', never, '`guided_grammar`'],
];
