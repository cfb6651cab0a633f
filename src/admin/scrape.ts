const SCRAPE_MS = 1_000;

/** One question for all metrics of a scrape, and of those that follow within `forMs`; null where none answers. */
export function onceAScrape<Answer>(
  ask: () => Promise<Answer | null>,
  forMs = SCRAPE_MS,
): () => Promise<Answer | null> {
  let asked: { readonly atMs: number; readonly answer: Promise<Answer | null> } | null = null;
  return () => {
    if (asked === null || Date.now() - asked.atMs > forMs)
      asked = { atMs: Date.now(), answer: ask().catch(() => null) };
    return asked.answer;
  };
}

/** As the API gives dollars: sums of fractions carry a tail that means nothing. */
export function sixDecimals(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}
