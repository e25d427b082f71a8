import type { EventDefinition } from './log-event.ts';
import { type LogField, type LogFields, writableFields } from './log-field.ts';

/** syslog(3) severities. */
export type Severity = 'emergency' | 'alert' | 'critical' | 'error' | 'warning' | 'notice' | 'info' | 'debug';

/** The number of a severity in the journal's PRIORITY. */
export const priorityOf: Readonly<Record<Severity, number>> = {
  emergency: 0,
  alert: 1,
  critical: 2,
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

/**
 * Structured logging. Field names are camelCase (`loginName` is XOS_LOGIN_NAME in the journal); an Error brings its
 * code, details and stack along (`error`, XOS_ERROR_CODE...). Fields named like a secret (pass*, *secret, *token,
 * *key) are withheld. No call ever throws or blocks.
 */
export interface Logger {
  critical(event: EventDefinition, message: string, fields?: LogFields): void;
  error(event: EventDefinition, message: string, fields?: LogFields): void;
  warning(event: EventDefinition, message: string, fields?: LogFields): void;
  notice(event: EventDefinition, message: string, fields?: LogFields): void;
  info(event: EventDefinition, message: string, fields?: LogFields): void;
  debug(event: EventDefinition, message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each entry. */
  child(fields: LogFields): Logger;
}

export interface LogEntry {
  readonly severity: Severity;
  readonly event: EventDefinition;
  readonly message: string;
  readonly fields: readonly LogField[];
}

/** Writes one entry without waiting; throws when it could not, and the entry is counted as lost. */
export type LogTransport = (entry: LogEntry) => void;

export interface LoggerOptions {
  readonly transport: LogTransport;
  /** Entries less severe than this are not written; asked at each entry. Default info. */
  readonly threshold?: () => Severity;
  /** Called for each entry that was lost. */
  readonly onLost?: () => void;
}

const maximumMessageLength = 16 * 1024;

export function createLogger(options: LoggerOptions): Logger {
  const threshold = options.threshold ?? (() => 'info');
  const write = (severity: Severity, event: EventDefinition, message: string, fields: LogFields) => {
    if (priorityOf[severity] > priorityOf[threshold()]) return;
    try {
      options.transport({
        severity,
        event,
        message:
          message.length > maximumMessageLength ? `${message.slice(0, maximumMessageLength)}...` : message,
        fields: writableFields(fields),
      });
    } catch {
      // Whoever logs has work to do; a full or absent journal only costs the entry.
      options.onLost?.();
    }
  };
  const withFields = (base: LogFields): Logger => {
    const at =
      (severity: Severity) =>
      (event: EventDefinition, message: string, fields: LogFields = {}) =>
        write(severity, event, message, { ...base, ...fields });
    return {
      critical: at('critical'),
      error: at('error'),
      warning: at('warning'),
      notice: at('notice'),
      info: at('info'),
      debug: at('debug'),
      child: (fields) => withFields({ ...base, ...fields }),
    };
  };
  return withFields({});
}

/** A logger that writes nowhere. */
export const silentLogger: Logger = createLogger({ transport: () => undefined });
