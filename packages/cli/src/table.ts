import { measureCells } from './text-width.ts';

/**
 * Rows as lines of text, the columns aligned.
 * @param rows the titles first
 * @param texts titles of columns that are text; the others are numbers, and stand on the right
 */
export function renderTable(rows: readonly (readonly string[])[], texts: readonly string[]): string[] {
  const titles = rows[0]!;
  const widths = titles.map((_, column) => Math.max(...rows.map((row) => measureCells(row[column]!))));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat(widths[column]! - measureCells(cell));
        return texts.includes(titles[column]!) ? cell + padding : padding + cell;
      })
      .join('  ')
      .trimEnd(),
  );
}
