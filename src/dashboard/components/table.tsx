import type { ComponentChildren } from 'preact';

export type Column<Row> = {
  readonly key: string;
  readonly title: string;
  /** Figures stand right, in digits of equal width. */
  readonly isNumber?: boolean;
  /** Left out on a phone, where it would push what matters out of sight. */
  readonly isMinor?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
};

type TableProps<Row> = {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
};

/** A table that scrolls in itself, never the page. The caption is for screen readers; the card's title is for the rest. */
export function Table<Row>({ caption, columns, rows, keyOf }: TableProps<Row>) {
  return (
    // Scrolls, so the keyboard must reach it.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by the keyboard or not at all
    <section class="table-frame" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ key, title, isNumber, isMinor }) => (
              <th key={key} scope="col" class={classOf(isNumber, isMinor)}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ key, isNumber, isMinor, cell }) => (
                <td key={key} class={classOf(isNumber, isMinor)}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function classOf(isNumber = false, isMinor = false): string {
  return [isNumber && 'num right', isMinor && 'minor'].filter(Boolean).join(' ');
}
