import type { z } from 'zod';
import { type InputProblem, Problem } from '../domain/problem.ts';

type Part = { readonly schema: z.ZodType; readonly given: unknown; readonly name?: string };

/**
 * Parses every part of a request, and throws one `Problem` (`invalid`) that says all that is wrong with
 * any of them. A part with a `name` is a single value, such as a header, and is called by it.
 */
export function parseInput<Parts extends Record<string, Part>>(
  parts: Parts,
): { [Name in keyof Parts]: z.output<Parts[Name]['schema']> } {
  const problems: InputProblem[] = [];
  const parsed = Object.entries(parts).map(([key, part]) => {
    const result = part.schema.safeParse(part.given);
    if (!result.success) problems.push(...once(toInputProblems(result.error, part)));
    return [key, result.data] as const;
  });
  if (problems.length > 0) throw new Problem('invalid', summary(problems), { problems });
  return Object.fromEntries(parsed) as { [Name in keyof Parts]: z.output<Parts[Name]['schema']> };
}

function toInputProblems(error: z.ZodError, part: Part): InputProblem[] {
  return error.issues.flatMap((issue): InputProblem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownField([...issue.path, key], part));
    }
    return [
      {
        field: fieldName(issue.path, part),
        given: excerpt(valueAt(part.given, issue.path)),
        allowed: issue.message,
      },
    ];
  });
}

function unknownField(path: readonly PropertyKey[], part: Part): InputProblem {
  return {
    field: fieldName(path, part),
    given: excerpt(valueAt(part.given, path)),
    allowed: 'nothing, as there is no such field (see /api/openapi.json)',
  };
}

/** Two rules of one field can say the same. */
function once(problems: readonly InputProblem[]): InputProblem[] {
  return problems.filter(
    ({ field, allowed }, index) =>
      problems.findIndex((other) => other.field === field && other.allowed === allowed) === index,
  );
}

/** `tiers[0].name`; the part's own name where it is a single value, `body` where the whole is wrong. */
function fieldName(path: readonly PropertyKey[], part: Part): string {
  if (path.length === 0) return part.name ?? 'body';
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    return Reflect.get(value, step);
  }, given);
}

/** What was given, short enough to be said back; `null` for what was left out, as JSON has no other word. */
function excerpt(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : value;
}

function summary(problems: readonly InputProblem[]): string {
  const fields = [...new Set(problems.map(({ field }) => field))].join(', ');
  return problems.length === 1
    ? `Allowed for ${fields}: ${problems[0]?.allowed}`
    : `${problems.length} things are wrong with this request: ${fields}`;
}
