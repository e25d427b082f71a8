import type { Terminal } from './terminal.ts';

/** Anything JSON can hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** What a command found or did, for programs and for people. */
export interface Report {
  /** Printed by `--json`: names and meanings are stable (xos(1), "JSON"). Times are RFC 3339 strings in UTC. */
  readonly data: JsonValue;
  /** Printed otherwise; ends with a newline, or is empty. */
  readonly text: (terminal: Terminal) => string;
  /** The exit code where the command did its work and found something wrong (`verify`, `status`); 0 otherwise. */
  readonly exitCode?: number;
}

/** `off`: text for people; `short`: JSON on one line; `pretty`: indented JSON. */
export type JsonMode = 'off' | 'short' | 'pretty';

export function isJsonMode(text: string): text is JsonMode {
  return text === 'off' || text === 'short' || text === 'pretty';
}

/** The bytes a report becomes on standard output. */
export function rendered(report: Report, mode: JsonMode, terminal: Terminal): string {
  if (mode === 'off') return report.text(terminal);
  return `${mode === 'short' ? JSON.stringify(report.data) : JSON.stringify(report.data, null, 2)}\n`;
}
