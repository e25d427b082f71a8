/**
 * INI in systemd's manner (systemd.syntax(7)): `[Section]`, `Key=value`, comments with # or ; at the line's start,
 * a trailing backslash continues the line (comments in between are skipped). Order and repetition are kept.
 */
export interface IniEntry {
  readonly key: string;
  readonly value: string;
  readonly file: string;
  /** The line the entry starts on, from 1. */
  readonly line: number;
}

export interface IniSection {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly entries: readonly IniEntry[];
}

/** Something about a file that its reader should know. */
export interface Finding {
  readonly file: string;
  /** From 1; 0 when it is about the whole file. */
  readonly line: number;
  readonly message: string;
}

export interface IniDocument {
  /** In the order of the file; a section that occurs twice is there twice. */
  readonly sections: readonly IniSection[];
  /** Lines that are no INI; the rest was read all the same. */
  readonly errors: readonly Finding[];
}

/** Larger files are refused unread. */
export const maximumIniBytes = 1024 * 1024;
const maximumErrors = 100;

/** Never throws; whatever is wrong is in `errors`. `file` names the origin in findings. */
export function parseIni(content: string, file: string): IniDocument {
  const sections: { name: string; file: string; line: number; entries: IniEntry[] }[] = [];
  const errors: Finding[] = [];
  const report = (line: number, message: string) => {
    if (errors.length < maximumErrors) errors.push({ file, line, message });
  };
  if (content.length > maximumIniBytes) {
    report(0, `larger than ${maximumIniBytes} bytes`);
    return { sections, errors };
  }
  for (const { text, line } of logicalLines(content)) {
    if (text === '') continue;
    if (text.includes('\0')) {
      report(line, 'holds a NUL byte');
      continue;
    }
    if (text.startsWith('[')) {
      const name = /^\[([^[\]]+)\]$/.exec(text)?.[1];
      if (name === undefined) report(line, 'expected [Section]');
      else sections.push({ name, file, line, entries: [] });
      continue;
    }
    const equals = text.indexOf('=');
    if (equals < 1) {
      report(line, 'expected Key=value');
      continue;
    }
    const section = sections.at(-1);
    if (section === undefined) {
      report(line, 'stands before the first [Section]');
      continue;
    }
    section.entries.push({
      key: text.slice(0, equals).trimEnd(),
      value: text.slice(equals + 1).trim(),
      file,
      line,
    });
  }
  return { sections, errors };
}

/** Lines with continuations joined by a space and white space around them removed; comments are gone. */
function* logicalLines(content: string): Generator<{ readonly text: string; readonly line: number }> {
  let pending: string[] = [];
  let start = 0;
  let number = 0;
  for (const raw of content.replace(/^\uFEFF/, '').split('\n')) {
    number += 1;
    const physical = raw.trim();
    if (/^[#;]/.test(physical)) continue;
    if (pending.length === 0) start = number;
    if (physical.endsWith('\\')) {
      pending.push(physical.slice(0, -1).trimEnd());
      continue;
    }
    if (pending.length === 0) {
      yield { text: physical, line: number };
      continue;
    }
    pending.push(physical);
    yield { text: pending.join(' ').trim(), line: start };
    pending = [];
  }
  if (pending.length > 0) yield { text: pending.join(' ').trim(), line: start };
}
