import { driverNumber, type Row } from './rows.ts';

/** A filter that cannot be applied: the message is the service's own. */
export class QueryError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const OPERATORS = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'in', 'notin'] as const;
type Operator = (typeof OPERATORS)[number];

export type Filter = { readonly field: string; readonly operator: Operator; readonly value: unknown };

/** `{field: {op: value}}` as a list; every condition must hold. */
export function parseFilters(filters: Record<string, unknown>, prefix: string): Filter[] {
  return Object.entries(filters).flatMap(([field, conditions]) => {
    if (typeof conditions !== 'object' || conditions === null || Array.isArray(conditions)) {
      throw new QueryError('bad_request', `${prefix}${field}: Input should be a valid dictionary`);
    }
    return Object.entries(conditions).map(([operator, value]) => {
      if (!isOperator(operator))
        throw new QueryError('invalid_request', `${operator} is not a valid search op`);
      if ((operator === 'in' || operator === 'notin') && !Array.isArray(value)) {
        throw new QueryError('bad_request', `${prefix}${field}.${operator}: Input should be a valid list`);
      }
      return { field, operator, value };
    });
  });
}

/** Whether a row meets a filter. Values may come as strings, names with underscores for spaces. */
export function meets(actual: unknown, { operator, value }: Filter): boolean {
  switch (operator) {
    case 'eq':
      return isSame(actual, value);
    case 'neq':
      return !isSame(actual, value);
    case 'in':
      return Array.isArray(value) && value.some((each) => isSame(actual, each));
    case 'notin':
      return Array.isArray(value) && !value.some((each) => isSame(actual, each));
    default:
      return compare(actual, operator, value);
  }
}

/** Sorts by several fields; rows without one come last. */
export function sortRows<Each extends Row>(
  rows: readonly Each[],
  order: readonly { readonly field: string; readonly isDescending: boolean }[],
): Each[] {
  return [...rows].sort((a, b) => {
    for (const { field, isDescending } of order) {
      const difference = compareValues(a[field], b[field]);
      if (difference !== 0) return isDescending ? -difference : difference;
    }
    return 0;
  });
}

/** The named columns only; unknown names come back null. */
export function selectColumns(row: Row, columns: unknown): Row {
  if (!Array.isArray(columns) || columns.length === 0 || columns.includes('*')) return row;
  return Object.fromEntries(columns.map((column) => [String(column), row[String(column)] ?? null]));
}

export function compareValues(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a) < String(b) ? -1 : 1;
}

function isOperator(word: string): word is Operator {
  return (OPERATORS as readonly string[]).includes(word);
}

function isSame(actual: unknown, wanted: unknown): boolean {
  if (actual === null || actual === undefined) return wanted === null || wanted === '';
  if (wanted === null) return false;
  if (typeof actual === 'boolean') return actual === toBoolean(wanted);
  if (typeof actual === 'number') {
    return typeof wanted === 'boolean' ? actual === Number(wanted) : toNumber(wanted) === actual;
  }
  return String(actual) === String(wanted) || String(actual) === String(wanted).replaceAll('_', ' ');
}

function compare(actual: unknown, operator: Operator, wanted: unknown): boolean {
  const limit = toNumber(wanted);
  if (typeof actual !== 'number' || Number.isNaN(limit)) return false;
  if (operator === 'gt') return actual > limit;
  if (operator === 'gte') return actual >= limit;
  if (operator === 'lt') return actual < limit;
  return actual <= limit;
}

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return Number.NaN;
  return /^\d+\.\d+\.\d+$/.test(value) ? driverNumber(value) : Number(value);
}

function toBoolean(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'True' || value === 1 || value === '1') return true;
  if (value === 'false' || value === 'False' || value === 0 || value === '0') return false;
  return null;
}
