import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** A name and its value, or several values below one another; undefined values are left out. */
export type Field = readonly [name: string, value: string | readonly string[] | undefined];

/** `Name: value` lines with the values in one column, for verbs that show one thing. */
export function fields(list: readonly Field[], terminal: Terminal): string {
  const shown = list.filter(([, value]) => value !== undefined);
  const width = shown.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  const lines: string[] = [];
  for (const [name, value] of shown) {
    const values = typeof value === 'string' ? [value] : (value ?? []);
    const [first = '-', ...rest] = values;
    lines.push(`${terminal.paint.faint(`${name.padStart(width)}:`)} ${printable(first) || '-'}`);
    for (const further of rest) lines.push(`${' '.repeat(width + 2)}${printable(further)}`);
  }
  return `${lines.join('\n')}\n`;
}
