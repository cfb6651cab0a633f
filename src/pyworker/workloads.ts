import type { Payload } from './types.ts';

/** Of a request whose handler has no calculator, or one that fails. */
export const DEFAULT_WORKLOAD = 100;
const DEFAULT_MAX_TOKENS = 256;

/** Of embeddings: how many inputs. */
export function workloadForEmbeddings(payload: Payload): number {
  const inputs = payload.input ?? payload.inputs;
  return Array.isArray(inputs) ? inputs.length : 1;
}

/** Of completions: how many tokens may be generated, 256 where the caller does not say. */
export function workloadForCompletions(payload: Payload): number {
  const asked = payload.max_completion_tokens ?? payload.max_tokens;
  return typeof asked === 'number' && asked > 0 ? asked : DEFAULT_MAX_TOKENS;
}

/** Of reranking: how many documents. */
export function workloadForRerank(payload: Payload): number {
  const documents = payload.documents ?? payload.texts;
  return Array.isArray(documents) ? documents.length : 1;
}

/** A load that can be summed, whatever a calculator gives. */
export function workloadOf(calculate: ((payload: Payload) => number) | undefined, payload: Payload): number {
  if (calculate === undefined) return DEFAULT_WORKLOAD;
  try {
    const workload = calculate(payload);
    return Number.isFinite(workload) && workload >= 0 ? workload : DEFAULT_WORKLOAD;
  } catch {
    return DEFAULT_WORKLOAD;
  }
}
