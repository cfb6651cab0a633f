/** A page of metrics as Prometheus reads it, text format 0.0.4. */
export type Exposition = {
  readonly families: ReadonlyMap<string, Family>;
  readonly samples: readonly Sample[];
};

export type Family = { readonly type: string; readonly help: string | null };
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const COMMENT = new RegExp(`^# (HELP|TYPE) (${NAME}) ?(.*)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)(?: -?[0-9]+)?$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];
const SUFFIXES: Record<string, string[]> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/**
 * Throws where Prometheus would refuse the page, or take two things for one: a family that is described twice or
 * after its samples, a sample of no family, two samples of the same labels.
 */
export function parseExposition(text: string): Exposition {
  if (!text.endsWith('\n')) throw new Error('the page does not end with a line feed');
  const families = new Map<string, { type: string; help: string | null }>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  for (const [at, line] of text.split('\n').entries()) {
    const wrong = (why: string): Error => new Error(`line ${at + 1}: ${why}: ${line}`);
    if (line === '') continue;
    if (line.startsWith('#')) {
      const [, kind, name = '', rest = ''] = COMMENT.exec(line) ?? [];
      if (kind === undefined) continue;
      const known = families.get(name);
      if (kind === 'TYPE') {
        if (!TYPES.includes(rest)) throw wrong('no type');
        if (known !== undefined && known.type !== '') throw wrong('described twice');
        families.set(name, { type: rest, help: known?.help ?? null });
      } else {
        if (known !== undefined && known.help !== null) throw wrong('explained twice');
        families.set(name, { type: known?.type ?? '', help: rest });
      }
      continue;
    }
    const [, name = '', labelText = '', valueText = ''] = SAMPLE.exec(line) ?? [];
    if (name === '') throw wrong('not a sample');
    const value = toNumber(valueText);
    if (value === null) throw wrong('not a number');
    const labels = parseLabels(labelText);
    if (labels === null) throw wrong('labels cannot be read');
    if (familyOf(name, families) === null) throw wrong('of no family');
    const identity = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(identity)) throw wrong('told twice');
    seen.add(identity);
    samples.push({ name, labels, value });
  }
  return { families, samples };
}

function familyOf(sample: string, families: ReadonlyMap<string, Family>): string | null {
  if (families.has(sample)) return sample;
  for (const [name, { type }] of families)
    if ((SUFFIXES[type] ?? []).some((suffix) => sample === `${name}${suffix}`)) return name;
  return null;
}

function parseLabels(text: string): Record<string, string> | null {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const found = LABEL.exec(text);
    if (found === null) return null;
    const [, name = '', value = ''] = found;
    if (name in labels) return null;
    labels[name] = value.replace(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign));
  }
  return labels;
}

function toNumber(text: string): number | null {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN') return Number.NaN;
  const value = Number(text);
  return Number.isNaN(value) ? null : value;
}
