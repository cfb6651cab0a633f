/** Tokens of one answer. */
export type Usage = {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Of the prompt, where a provider bills them at prices of their own. */
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
};

/** How far from its end an answer is searched for its usage, which servers write last. */
const TAIL_BYTES = 4_096;

/** The newest `usage` in bytes of an answer; null where there is none. Bodies are not parsed for it. */
export function findUsage(bytes: Buffer): Usage | null {
  const at = bytes.lastIndexOf('"usage"');
  if (at === -1) return null;
  const text = bytes.toString('latin1', at, Math.min(bytes.length, at + TAIL_BYTES));
  if (!/^"usage"\s*:\s*\{/.test(text)) return null;
  const promptTokens = numberOf(text, /"(?:prompt|input)_tokens"\s*:\s*(\d+)/);
  if (promptTokens === null) return null;
  return {
    promptTokens,
    completionTokens: numberOf(text, /"(?:completion|output)_tokens"\s*:\s*(\d+)/) ?? 0,
  };
}

/** The same of a long body, of which only the end is looked at. */
export function findUsageAtEnd(bytes: Buffer): Usage | null {
  return findUsage(bytes.subarray(Math.max(0, bytes.length - TAIL_BYTES)));
}

function numberOf(text: string, pattern: RegExp): number | null {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
