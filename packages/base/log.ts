import type { EventDefinition } from './log-event.ts';

/** What a field may hold; Infinity, bigint and binary are fine, undefined fields are left out. */
export type LogValue = string | number | bigint | boolean | Uint8Array | Error | null | undefined;
export type LogFields = { readonly [name: string]: LogValue };

/** syslog(3) severities. */
export type Severity = 'emergency' | 'alert' | 'critical' | 'error' | 'warning' | 'notice' | 'info' | 'debug';

/**
 * Structured logging. Field names are camelCase (`loginName` is XOS_LOGIN_NAME in the journal); an Error under
 * `error` brings its code, message and stack. Fields named like a secret (pass*, *secret, *token, *key) are
 * withheld. No call ever throws or blocks.
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
