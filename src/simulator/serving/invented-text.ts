/** What the look-alike says: deterministic in seed and prompt, so that a failing run replays word for word. */

/** A stream of numbers in [0, 1), the same for the same key. */
export function seededRandom(key: string): () => number {
  let state = hash(key);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Splits text into pieces of a few letters, about as many as a real tokenizer makes. Joined, they are the text. */
export function toTokens(text: string): string[] {
  return text.match(/\s?[^\s]{1,5}|\s/gu) ?? [];
}

/** A few sentences that end by themselves. */
export function inventAnswer(random: () => number): string {
  const count = 2 + Math.floor(random() * 3);
  const chosen: string[] = [];
  while (chosen.length < count) {
    const sentence = SENTENCES[Math.floor(random() * SENTENCES.length)] ?? '';
    if (!chosen.includes(sentence)) chosen.push(sentence);
  }
  return chosen.join(' ');
}

/** More words for a caller that asked to run past the natural end (`ignore_eos`, `min_tokens`). */
export function inventTokens(random: () => number, count: number): string[] {
  const tokens: string[] = [];
  while (tokens.length < count)
    tokens.push(...toTokens(`${tokens.length > 0 ? ' ' : ''}${inventAnswer(random)}`));
  return tokens.slice(0, count);
}

/** A unit vector for an embedding request. */
export function inventEmbedding(random: () => number, dimensions: number): number[] {
  const raw = Array.from({ length: dimensions }, () => random() * 2 - 1);
  const length = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0)) || 1;
  return raw.map((value) => Number((value / length).toFixed(8)));
}

const SENTENCES = [
  'A rented GPU bills from the moment it runs until the contract is gone, not until you stop using it.',
  'The cheapest offer is rarely the cheapest hour, because a slow host bills while the weights download.',
  'A 7B model in 16-bit weights fits a 24 GiB card with room left for the KV cache.',
  'Reliability is worth paying for: every host that drops out costs a second boot.',
  'Destroy the instance when the last request has been answered, and then check that it is really gone.',
  'An RTX 4090 serves a small model faster than many a data-centre card of the previous generation.',
  'Storage goes on billing while an instance is stopped, so a stopped GPU is not a free GPU.',
  'Set a budget before you rent, since a forgotten instance spends the night as happily as the day.',
  'Streaming sends the first words early, which matters more to a reader than the total time.',
  'Quantised weights trade a little accuracy for a card that costs half as much per hour.',
  'Bandwidth is billed per byte on some hosts, and a large image is many bytes.',
  'An interruptible rental is cheap until somebody bids more, so keep nothing on it that you cannot lose.',
];

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value;
}
