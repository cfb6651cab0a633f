import type { Span } from './collector.ts';

/** The names from the root of its trace down to a span. */
export function pathOf(span: Span, spans: readonly Span[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? [span.name] : [...pathOf(parent, spans), span.name];
}

/** One trace as people read it: what began first stands first, and beside it when, and how long it took. */
export function drawTrace(spans: readonly Span[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const sorted = [...spans].sort((a, b) => a.startedAtMs - b.startedAtMs);
  const from = sorted[0]?.startedAtMs ?? 0;
  const roots = sorted.filter(({ parentSpanId }) => parentSpanId === null || !ids.has(parentSpanId));
  const lines: string[] = [];
  const draw = (span: Span, lead: string, branch: string): void => {
    const text = `${lead}${branch}${span.name}${markOf(span)}`;
    lines.push(`${text.padEnd(86)} ${seconds(span.startedAtMs - from)} +${seconds(span.tookMs).trim()}`);
    const children = sorted.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    const below = branch === '' ? lead : `${lead}${branch === '└─ ' ? '   ' : '│  '}`;
    for (const [at, child] of children.entries())
      draw(child, below, at === children.length - 1 ? '└─ ' : '├─ ');
  };
  for (const root of roots) draw(root, '', '');
  return lines.join('\n');
}

function markOf({ kind, isError, attributes }: Span): string {
  const status = attributes['http.response.status_code'];
  const said = kind === 'internal' || status === undefined ? '' : ` (${status})`;
  return `${said}${isError ? ' !' : ''}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`.padStart(9);
}
