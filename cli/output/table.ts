import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers read better against the right edge. */
  readonly align?: 'left' | 'right';
  /** Columns marked so give up width first where the terminal is narrow; ids and names stay whole as long as possible. */
  readonly mayShrink?: boolean;
}

const gap = '  ';
const narrowest = 6;

/**
 * A table with a heading line, as wide as its content or the terminal, whichever is less. Cells are made printable and cut
 * with an ellipsis; in a pipe nothing is ever cut.
 */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  terminal: Terminal,
  whenEmpty: string,
): string {
  if (rows.length === 0) return `${whenEmpty}\n`;
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row)) || '-'));
  const natural = columns.map((column, index) =>
    cells.reduce((width, line) => Math.max(width, length(line[index] ?? '')), column.title.length),
  );
  const widths = fit(columns, natural, terminal.columns);
  const heading = line(
    columns.map((column) => column.title),
    columns,
    widths,
  );
  const body = cells.map((cellsOfLine) => line(cellsOfLine, columns, widths));
  return `${[terminal.paint.strong(heading), ...body].join('\n')}\n`;
}

function line<Row>(
  cells: readonly string[],
  columns: readonly Column<Row>[],
  widths: readonly number[],
): string {
  return columns
    .map((column, index) =>
      pad(cut(cells[index] ?? '', widths[index] ?? 0), widths[index] ?? 0, column.align),
    )
    .join(gap)
    .trimEnd();
}

function fit<Row>(columns: readonly Column<Row>[], natural: readonly number[], available: number): number[] {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1));
  for (const onlyMarked of [true, false]) {
    while (total() > available) {
      let widest = -1;
      for (const [index, column] of columns.entries()) {
        const width = widths[index] ?? 0;
        if (width <= narrowest || (onlyMarked && column.mayShrink !== true)) continue;
        if (widest < 0 || width > (widths[widest] ?? 0)) widest = index;
      }
      if (widest < 0) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
    }
  }
  return widths;
}

function pad(text: string, width: number, align: 'left' | 'right' | undefined): string {
  const space = ' '.repeat(Math.max(0, width - length(text)));
  return align === 'right' ? space + text : text + space;
}

function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

function length(text: string): number {
  return [...text].length;
}
