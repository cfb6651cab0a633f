import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';

export type Column = {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** It may be cut down to so many letters; without it, as numbers are, it is shown whole or not at all. */
  readonly narrowest?: number;
  /** Where the rest has no room it is left out, those with the lowest number first; without it, it stays. */
  readonly dropped?: number;
};

/** A table no wider than `width`: text is cut first, then columns are left out, and nothing ever wraps. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const measured = columns.map((column, at) => ({
    ...column,
    at,
    wanted: Math.max(visibleLength(column.title), ...rows.map((row) => visibleLength(row[at] ?? ''))),
  }));
  const shown = fitColumns(measured, width);
  const line = (cells: readonly string[]) =>
    shown
      .map(({ at, width, align = 'left' }) => pad(cut(cells[at] ?? '', width), width, align))
      .join(GAP)
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

type Measured = Column & { readonly at: number; readonly wanted: number };
type Fitted = Measured & { readonly width: number };

const GAP = '  ';

/** Left with columns that must stay, it cuts even those: a line that wraps is read as two rows. */
function fitColumns(columns: readonly Measured[], width: number): Fitted[] {
  const available = width - GAP.length * (columns.length - 1);
  const fitted = shrink(columns, available, ({ narrowest }) => narrowest);
  if (fitted !== null) return fitted;
  const [first] = columns
    .filter(({ dropped }) => dropped !== undefined)
    .sort((a, b) => (a.dropped ?? 0) - (b.dropped ?? 0));
  if (first !== undefined) {
    const rest = columns.filter((column) => column !== first);
    return fitColumns(rest, width);
  }
  return shrink(columns, available, () => 1) ?? columns.map((column) => ({ ...column, width: 1 }));
}

/** Takes from the widest that may still give; null where that is not enough. */
function shrink(
  columns: readonly Measured[],
  available: number,
  narrowestOf: (column: Measured) => number | undefined,
): Fitted[] | null {
  const fitted = columns.map((column) => ({ ...column, width: column.wanted }));
  let excess = fitted.reduce((sum, column) => sum + column.width, 0) - available;
  while (excess > 0) {
    const giving = fitted.filter((column) => column.width > (narrowestOf(column) ?? column.width));
    const [widest] = giving.sort((a, b) => b.width - a.width);
    if (widest === undefined) return null;
    widest.width -= 1;
    excess -= 1;
  }
  return fitted;
}

/** `name   value` lines with the values in one column; a value that has no room goes on under itself. */
export function facts(
  pairs: readonly (readonly [name: string, value: string])[],
  { width = Infinity, indent = '  ' } = {},
): string[] {
  const names = Math.max(0, ...pairs.map(([name]) => name.length));
  const margin = ' '.repeat(indent.length + names + FACT_GAP.length);
  return pairs.flatMap(([name, value]) => {
    const [first = '', ...rest] = wrap(value, width - margin.length);
    return [`${indent}${name.padEnd(names)}${FACT_GAP}${first}`, ...rest.map((line) => margin + line)];
  });
}

const FACT_GAP = '   ';

/** Between words; a word that alone is too long stays whole, for it is an address, a label or a command. */
export function wrap(text: string, width: number): string[] {
  if (visibleLength(text) <= width) return [text];
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && visibleLength(`${line} ${word}`) <= width)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Columns of a terminal that it takes: none for colours, two for what is drawn double. */
export function visibleLength(text: string): number {
  return isPlain(text) ? text.length : stringWidth(text);
}

/** Cut text loses its colours: half an escape sequence would colour the rest of the screen. */
export function cut(text: string, width: number): string {
  if (visibleLength(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of LETTERS.segment(stripVTControlCharacters(text))) {
    used += visibleLength(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return width < 1 ? '' : `${kept}…`;
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - visibleLength(text)));
  return align === 'left' ? text + space : space + text;
}

const LETTERS = new Intl.Segmenter();

/** Nearly all of our text, which need not be measured letter by letter. */
function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
