import type { SampleAnswer } from '../admin/answers.ts';

/** Change per second of a counter between two looks; null over a restart, where it begins again at zero. */
export function ratesOf(
  samples: readonly SampleAnswer[],
  counter: (sample: SampleAnswer) => number,
): (number | null)[] {
  return samples.map((sample, index) => {
    const before = samples[index - 1];
    if (before === undefined) return null;
    const seconds = (Date.parse(sample.at) - Date.parse(before.at)) / 1_000;
    const grown = counter(sample) - counter(before);
    return seconds <= 0 || grown < 0 ? null : grown / seconds;
  });
}
