import { parser } from '@prometheus-io/lezer-promql';
import type { Exposition } from '../support/exposition.ts';

/** What Prometheus itself adds: a metric of each target, and two labels of each sample. */
const OWN_METRICS = ['up'];
const OWN_LABELS = ['job', 'instance'];

export type Matcher = { readonly label: string; readonly operator: string; readonly value: string };
export type Selector = { readonly metric: string; readonly matchers: readonly Matcher[] };
export type Expression = {
  readonly selectors: readonly Selector[];
  /** Named by `by`, `without`, `on` and `ignoring`. */
  readonly grouping: readonly string[];
};

/** Throws where it is no PromQL. Grafana's own variables stand for a time. */
export function parseExpression(text: string): Expression {
  const source = text.replaceAll('$__rate_interval', '5m');
  const selectors: { metric: string; matchers: Matcher[] }[] = [];
  const grouping: string[] = [];
  let isGrouping = false;
  parser.parse(source).iterate({
    enter: (node) => {
      const said = source.slice(node.from, node.to);
      if (node.type.isError) throw new Error(`No PromQL at character ${node.from}: ${text}`);
      if (node.name === 'VectorSelector') selectors.push({ metric: '', matchers: [] });
      const selector = selectors.at(-1);
      if (node.name === 'Identifier' && selector !== undefined) selector.metric = said;
      if (node.name === 'GroupingLabels') isGrouping = true;
      if (node.name === 'LabelName' && isGrouping) grouping.push(said);
      if (node.name === 'UnquotedLabelMatcher') selector?.matchers.push(matcherOf(said));
    },
    leave: (node) => {
      if (node.name === 'GroupingLabels') isGrouping = false;
    },
  });
  if (selectors.some(({ metric }) => metric === '')) throw new Error(`A selector without a name: ${text}`);
  return { selectors, grouping };
}

/** What of an expression a live scrape does not have, in words; nothing where all of it is there. */
export function missingFrom({ samples }: Exposition, text: string): string[] {
  const { selectors, grouping } = parseExpression(text);
  const labelsOf = (metric: string) =>
    samples.filter(({ name }) => name === metric).map(({ labels }) => labels);
  const missing = selectors.flatMap(({ metric, matchers }) => {
    if (OWN_METRICS.includes(metric)) return [];
    const told = labelsOf(metric);
    if (told.length === 0) return [`no metric ${metric}`];
    return matchers.flatMap((matcher) => notMatched(metric, matcher, told));
  });
  const known = new Set(
    selectors.flatMap(({ metric }) => labelsOf(metric).flatMap((each) => Object.keys(each))),
  );
  const unknown = grouping.filter((label) => !known.has(label) && !OWN_LABELS.includes(label));
  return [...missing, ...unknown.map((label) => `no label ${label} to group by`)];
}

/** A pattern may match nothing yet, such as a status that nobody was answered with; a value that is named must be told. */
function notMatched(
  metric: string,
  { label, operator, value }: Matcher,
  told: readonly Readonly<Record<string, string>>[],
): string[] {
  if (OWN_LABELS.includes(label)) return [];
  const values = new Set(told.flatMap((labels) => labels[label] ?? []));
  if (values.size === 0) return [`${metric} has no label ${label}`];
  return operator !== '=' || values.has(value) ? [] : [`${metric} is never told with ${label}="${value}"`];
}

function matcherOf(text: string): Matcher {
  const [, label = '', operator = '', value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/.exec(text) ?? [];
  if (label === '') throw new Error(`A matcher that cannot be read: ${text}`);
  return { label, operator, value };
}
