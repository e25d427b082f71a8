import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type LogEntry, type LogTransport, priorityOf } from './log.ts';
import { escapeControls } from './xos-error.ts';

/**
 * One line per entry on stderr: for a person with the time and the severity's name, otherwise with `<N>` in front,
 * which journald and the tools around it understand (sd-daemon(3)).
 */
export function stderrTransport(options: {
  readonly identifier: string;
  readonly descriptor?: number;
}): LogTransport {
  const { identifier, descriptor = 2 } = options;
  const target = nonBlocking(descriptor);
  const person = isatty(descriptor);
  return (entry) => {
    const line = person ? personLine(entry, new Date()) : plainLine(entry, identifier);
    writeSync(target, `${line}\n`);
  };
}

/** A pipe whose reader has stopped would block this process: its own open description can be told not to. */
function nonBlocking(descriptor: number): number {
  try {
    if (!fstatSync(descriptor).isFIFO()) return descriptor;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}

export function plainLine(entry: LogEntry, identifier: string): string {
  return `<${priorityOf[entry.severity]}>${identifier}: ${escapeControls(entry.message)}${fieldText(entry)}`;
}

export function personLine(entry: LogEntry, now: Date): string {
  return `${now.toTimeString().slice(0, 8)} ${entry.severity.padEnd(8)} ${escapeControls(entry.message)}${fieldText(entry)}`;
}

function fieldText(entry: LogEntry): string {
  const fields = entry.fields.map(({ name, value }) => ` ${name}=${shown(value)}`).join('');
  return `${fields} [${entry.event.name}]`;
}

function shown(value: string | Uint8Array): string {
  if (typeof value !== 'string') return `<${value.length} bytes>`;
  const limited = value.length > 2000 ? `${value.slice(0, 2000)}...` : value;
  return /^[\w.,:;/@+-]+$/.test(limited) ? limited : JSON.stringify(limited).replace(/\u007f/g, '\\u007f');
}
