import { fstatSync } from 'node:fs';
import { type LogEntry, type LogTransport, priorityOf } from './log.ts';
import { journalFieldName } from './log-field.ts';

export const journalSocketPath = '/run/systemd/journal/socket';

/** Sends a datagram without blocking; throws when it cannot be delivered. */
export type SendDatagram = (path: string, bytes: Uint8Array) => void;

/** Entries in the journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). */
export function journalTransport(options: {
  readonly identifier: string;
  readonly send: SendDatagram;
  readonly path?: string;
}): LogTransport {
  const { identifier, send, path = journalSocketPath } = options;
  return (entry) => send(path, encodeJournalEntry(entry, identifier));
}

export function encodeJournalEntry(entry: LogEntry, identifier: string): Buffer {
  const parts: Buffer[] = [
    encodeField('MESSAGE', entry.message),
    encodeField('MESSAGE_ID', entry.event.messageId),
    encodeField('PRIORITY', String(priorityOf[entry.severity])),
    encodeField('SYSLOG_IDENTIFIER', identifier),
    encodeField('XOS_EVENT', entry.event.name),
    ...entry.fields.map((field) => encodeField(journalFieldName(field.name), field.value)),
  ];
  return Buffer.concat(parts);
}

/** `NAME=value\n`, or for values with a line feed or other bytes: name, line feed, length as 64-bit, value. */
function encodeField(name: string, value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value);
  if (typeof value === 'string' && !bytes.includes(0x0a)) {
    return Buffer.concat([Buffer.from(`${name}=`, 'latin1'), bytes, Buffer.from('\n')]);
  }
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`, 'latin1'), length, bytes, Buffer.from('\n')]);
}

/** True when stderr is the journal's stream (systemd.exec(5), $JOURNAL_STREAM): then the native protocol is better. */
export function stderrIsJournal(environment: NodeJS.ProcessEnv = process.env, descriptor = 2): boolean {
  const match = /^(\d+):(\d+)$/.exec(environment['JOURNAL_STREAM'] ?? '');
  if (match === null) return false;
  try {
    const { dev, ino } = fstatSync(descriptor);
    return dev === Number(match[1]) && ino === Number(match[2]);
  } catch {
    return false;
  }
}
