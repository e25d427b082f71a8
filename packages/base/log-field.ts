import { isXosError } from './xos-error.ts';

/** What a field may hold; Infinity, bigint and binary are fine, undefined fields are left out. */
export type LogValue = string | number | bigint | boolean | Uint8Array | Error | null | undefined;
export type LogFields = { readonly [name: string]: LogValue };

/** A field as it is written: its value is text, or bytes that are none. */
export interface LogField {
  readonly name: string;
  readonly value: string | Uint8Array;
}

export const withheld = '[withheld]';
const maximumValueLength = 64 * 1024;
const maximumFields = 64;

/**
 * Fields in writable form. An Error becomes its message, and beside it the code, details and, where it is a defect,
 * the stack with its causes. Secrets are withheld by name.
 */
export function writableFields(fields: LogFields): readonly LogField[] {
  const result: LogField[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (result.length >= maximumFields) break;
    if (namesSecret(name)) result.push({ name, value: withheld });
    else if (value instanceof Error) result.push(...errorFields(name, value));
    else
      result.push({
        name,
        value: value instanceof Uint8Array ? limitBytes(value) : limitText(String(value)),
      });
  }
  return result;
}

function errorFields(name: string, error: Error): readonly LogField[] {
  const fields: LogField[] = [{ name, value: limitText(error.message) }];
  if (isXosError(error)) {
    fields.push({ name: `${name}Code`, value: error.code });
    const details = Object.entries(error.details).map(([key, value]) => [
      key,
      namesSecret(key) ? withheld : value,
    ]);
    if (details.length > 0) {
      fields.push({ name: `${name}Details`, value: limitText(JSON.stringify(Object.fromEntries(details))) });
    }
    if (error.code !== 'XOS_INTERNAL' && error.cause === undefined) return fields;
  } else {
    const code: unknown = 'code' in error ? error.code : undefined;
    if (typeof code === 'string') fields.push({ name: `${name}Code`, value: code });
  }
  fields.push({ name: `${name}Stack`, value: limitText(stackOf(error)) });
  return fields;
}

function stackOf(error: Error): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current !== undefined && depth < 8; depth += 1) {
    parts.push(current instanceof Error ? (current.stack ?? current.message) : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join('\ncaused by ');
}

/** pass*, or a last word of secret, token, key and their like: `keyId` and `tokenSerial` are no secrets. */
export function namesSecret(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  if (words.some((word) => /^(pass(wd|word|phrase|code|wort)?s?|pin|secrets?)$/.test(word))) return true;
  const last = words.at(-1) ?? '';
  return /^pass/.test(name.toLowerCase()) || /^(tokens?|keys?|cookies?|authorization|pem)$/.test(last);
}

/** camelCase to the journal's XOS_UPPER_SNAKE, at most 64 characters. */
export function journalFieldName(name: string): string {
  const upper = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()
    .replace(/[^A-Z0-9_]/g, '_');
  return `XOS_${upper}`.slice(0, 64);
}

function limitText(value: string): string {
  return value.length > maximumValueLength
    ? `${value.slice(0, maximumValueLength)}... (${value.length} characters)`
    : value;
}

function limitBytes(value: Uint8Array): Uint8Array {
  return value.length > maximumValueLength ? value.subarray(0, maximumValueLength) : value;
}
