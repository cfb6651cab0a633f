/** One line of Prometheus text. */
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/**
 * The samples of a Prometheus text page, in order.
 *
 * Tolerant: comments, blank lines, time stamps and exemplars are passed over, and so is a line that cannot
 * be read; one odd collector in an image must not blind us to the rest.
 * Format: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parseMetrics(text: string): Sample[] {
  return text
    .split('\n')
    .map(parseLine)
    .filter((sample) => sample !== null);
}

/** Sum over every series of `name` that carries `labels`; null where there is none. */
export function sumOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | null {
  const wanted = Object.entries(labels);
  const series = samples.filter(
    (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
  );
  return series.length === 0 ? null : series.reduce((sum, sample) => sum + sample.value, 0);
}

const NAME = /^\s*([A-Za-z_:][A-Za-z0-9_:]*)\s*/;
const LABEL_PAIR = /\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,?)/y;
const VALUE = /^\s*([^\s#]+)/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function parseLine(line: string): Sample | null {
  const named = NAME.exec(line);
  if (named === null) return null;
  const [{ length }, name = ''] = named;
  const labelled = parseLabels(line.slice(length));
  if (labelled === null) return null;
  const value = parseValue(VALUE.exec(labelled.rest)?.[1] ?? '');
  return value === null ? null : { name, labels: labelled.labels, value };
}

function parseLabels(text: string): { labels: Record<string, string>; rest: string } | null {
  const labels: Record<string, string> = Object.create(null);
  if (!text.startsWith('{')) return { labels, rest: text };
  let at = 1;
  let mayFollow = true;
  while (mayFollow) {
    LABEL_PAIR.lastIndex = at;
    const pair = LABEL_PAIR.exec(text);
    if (pair === null) break;
    const [{ length }, label = '', value = '', comma] = pair;
    labels[label] = unescapeLabel(value);
    at += length;
    mayFollow = comma === ',';
  }
  const end = /^\s*\}/.exec(text.slice(at));
  return end === null ? null : { labels, rest: text.slice(at + end[0].length) };
}

function unescapeLabel(value: string): string {
  return value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

function parseValue(text: string): number | null {
  const special = SPECIAL_VALUES[text.toLowerCase()];
  if (special !== undefined) return special;
  return NUMBER.test(text) ? Number(text) : null;
}

const SPECIAL_VALUES: Readonly<Record<string, number>> = {
  '+inf': Number.POSITIVE_INFINITY,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
};
