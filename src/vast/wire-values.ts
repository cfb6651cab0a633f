import { z } from 'zod';

/**
 * Values as Vast sends them: numbers may come as strings, booleans as 0 and 1, and nearly everything may be
 * null or missing. Each of these reads what it can and says null for the rest; none ever fails. Texts lose their
 * control characters: a host writes some of them, and a terminal would obey.
 */
export const number = z.unknown().optional().transform(toNumber);
export const text = z.unknown().optional().transform(toText);
export const flag = z.unknown().optional().transform(toFlag);

/** What a row cannot do without: the row fails when it is missing. */
export const id = number.pipe(z.int().positive());
export const knownNumber = number.pipe(z.number());
export const knownText = text.pipe(z.string().min(1));

function toNumber(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || value.trim() === '') return null;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : null;
}

function toText(value: unknown): string | null {
  if (typeof value === 'string') return value.replaceAll(/[^\P{Cc}\n\t]/gu, '');
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

function toFlag(value: unknown): boolean | null {
  if (value === true || value === 1 || value === '1' || value === 'true') return true;
  if (value === false || value === 0 || value === '0' || value === 'false') return false;
  return null;
}
