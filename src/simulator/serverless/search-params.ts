import { QueryError } from '../query.ts';

type Query = Record<string, Record<string, unknown>>;

/**
 * A workergroup's search, written as for `vastai search offers` (`gpu_ram>=23 num_gpus=1 gpu_name=RTX_4090`), as the
 * query that searches the market. An object is one already. Throws `QueryError` for what is neither.
 */
export function parseSearchParams(params: string | Readonly<Record<string, unknown>>): Query {
  if (typeof params !== 'string') return asQuery(params);
  const query: Query = {};
  for (const [text] of params.matchAll(
    /\S+?\s+(?:not )?in\s*\[[^\]]*\]|\S+\s*(?:[<>]=?|[!=]?=)\s*\S+|\S+/g,
  )) {
    const read = readComparison(text);
    if (read === null) throw new QueryError('invalid_args', `cannot read "${text}" as a comparison`);
    // `verified=any`: no matter.
    if (read.value === 'any') continue;
    query[read.field] = { ...query[read.field], [read.operator]: read.value };
  }
  return query;
}

const WORDS: Readonly<Record<string, string>> = {
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

/** People write gigabytes where the market counts megabytes. */
const FACTORS: Readonly<Record<string, number>> = { gpu_ram: 1000, gpu_total_ram: 1000, cpu_ram: 1000 };

function readComparison(text: string): { field: string; operator: string; value: unknown } | null {
  const match = /^(\w+)\s*(not in|notin|in(?=\s*\[)|[<>]=?|[!=]?=)\s*(.+)$/.exec(text);
  const [, field = '', sign = '', written = ''] = match ?? [];
  const operator = WORDS[sign];
  if (operator === undefined) return null;
  const list = /^\[(.*)\]$/.exec(written)?.[1];
  const value =
    list === undefined
      ? readValue(field, written)
      : list.split(',').map((each) => readValue(field, each.trim()));
  return { field, operator, value };
}

function readValue(field: string, written: string): unknown {
  if (/^true$/i.test(written)) return true;
  if (/^false$/i.test(written)) return false;
  const factor = FACTORS[field];
  return factor === undefined ? written : Number(written) * factor;
}

function asQuery(params: Readonly<Record<string, unknown>>): Query {
  const wrong = Object.entries(params).find(([, value]) => typeof value !== 'object' || value === null);
  if (wrong !== undefined)
    throw new QueryError('bad_request', `q.${wrong[0]}: Input should be a valid dictionary`);
  return params as Query;
}
