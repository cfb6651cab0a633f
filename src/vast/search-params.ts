/** Conditions on offers, field by field: `{gpu_ram: {gte: "24"}}`. */
export type OfferConditions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What is looked for unless something else is said of it: sound machines that are free. */
const USUAL = { verified: 'True', rentable: 'True', rented: 'False' } as const;

/** The search with the usual conditions, but for those it names itself. */
export function withUsualConditions(search: string): string {
  const named = readConditions(search);
  const missing = Object.entries(USUAL).filter(([field]) => named?.[field] === undefined);
  return [search.trim(), ...missing.map(([field, value]) => `${field}=${value}`)].filter(Boolean).join(' ');
}

/** A search as for `vastai search offers`; null where it cannot be read. */
export function readConditions(search: string): OfferConditions | null {
  const conditions: Record<string, Record<string, unknown>> = {};
  let rest = search.trim();
  while (rest !== '') {
    const match = CONDITION.exec(rest);
    const [whole, field = '', sign = '', written = ''] = match ?? [];
    const operator = OPERATORS[sign];
    if (whole === undefined || operator === undefined) return null;
    conditions[field] = { ...conditions[field], [operator]: readValue(written) };
    rest = rest.slice(whole.length).trim();
  }
  return conditions;
}

/** Whether two sets of conditions ask for the same: numbers may be texts, and gigabytes may be megabytes. */
export function isSameSearch(a: OfferConditions, b: OfferConditions): boolean {
  return canonical(a) === canonical(b);
}

const CONDITION = /^([a-z_]\w*)\s*(not in|notin|in(?=\s*\[)|[<>]=?|[!=]?=)\s*(\[[^\]]*\]|"[^"]*"|[^\s[]+)/;

const OPERATORS: Readonly<Record<string, string>> = {
  '=': 'eq',
  '==': 'eq',
  '!=': 'neq',
  '>': 'gt',
  '>=': 'gte',
  '<': 'lt',
  '<=': 'lte',
  in: 'in',
  'not in': 'notin',
  notin: 'notin',
};

/** Written in gigabytes, kept in megabytes. */
const MEGABYTES: readonly string[] = ['gpu_ram', 'gpu_total_ram', 'gpu_totalram', 'cpu_ram'];

function readValue(written: string): unknown {
  if (written.startsWith('['))
    return written
      .slice(1, -1)
      .split(',')
      .map((each) => each.trim());
  return written.replace(/^"|"$/g, '');
}

function canonical(conditions: OfferConditions): string {
  const pairs = Object.entries(conditions).flatMap(([field, byOperator]) =>
    Object.entries(byOperator).map(([operator, value]) => `${field} ${operator} ${plain(field, value)}`),
  );
  return pairs.sort().join('\n');
}

function plain(field: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((each) => plain(field, each)).join(',');
  const number = Number(value);
  if (typeof value !== 'boolean' && String(value).trim() !== '' && Number.isFinite(number)) {
    // A size below a thousand is one in gigabytes.
    return String(MEGABYTES.includes(field) && number < 1_000 ? number * 1_000 : number);
  }
  return String(value).toLowerCase().replaceAll('_', ' ');
}
