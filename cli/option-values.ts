import { parseTimeSpan } from '@xtreemos/base';
import { InvalidArgumentError } from 'commander';

/** A person in a VO, as typed: `alice@physics.example.org`, the VO by its full id. */
export interface Identity {
  readonly user: string;
  readonly vo: string;
}

export function identityValue(text: string): Identity {
  const at = text.indexOf('@');
  if (at < 0) throw new InvalidArgumentError('It has to be USER@VO, such as alice@physics.example.org.');
  return { user: userValue(text.slice(0, at)), vo: voValue(text.slice(at + 1)) };
}

export function voValue(text: string): string {
  if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(text)) {
    throw new InvalidArgumentError('A VO id has lower-case letters, digits, dots and hyphens, at most 63.');
  }
  return text;
}

export function userValue(text: string): string {
  if (!/^[a-z][a-z0-9._-]{0,29}$/.test(text)) {
    throw new InvalidArgumentError(
      'A user name starts with a lower-case letter and has letters, digits, dots, hyphens, underscores, at most 30.',
    );
  }
  return text;
}

/** `12h`, `7d`, `30min` to seconds. */
export function lifetimeValue(text: string): number {
  const lengthMs = parseTimeSpan(text);
  if (lengthMs === undefined || !Number.isFinite(lengthMs) || lengthMs < 1000) {
    throw new InvalidArgumentError('It has to be a time span such as 30min, 12h or 7d.');
  }
  return Math.floor(lengthMs / 1000);
}

/** A date (`2027-03-31`, its end in UTC), a moment (RFC 3339), or `never` to milliseconds since the epoch; null is never. */
export function expiryValue(text: string): number | null {
  if (text === 'never') return null;
  const timeMs = /^\d{4}-\d{2}-\d{2}$/.test(text)
    ? Date.parse(`${text}T23:59:59Z`)
    : /^\d{4}-\d{2}-\d{2}T.*(?:Z|[+-]\d{2}:\d{2})$/.test(text)
      ? Date.parse(text)
      : Number.NaN;
  if (Number.isNaN(timeMs)) {
    throw new InvalidArgumentError(
      'It has to be a date such as 2027-03-31, a moment such as 2027-03-31T12:00:00Z, or never.',
    );
  }
  return timeMs;
}

export function countValue(text: string): number {
  const count = Number(text);
  if (!/^\d{1,15}$/.test(text) || !Number.isSafeInteger(count)) {
    throw new InvalidArgumentError('It has to be a whole number.');
  }
  return count;
}

/** A SHA-256 in hexadecimal, colons allowed, lower case afterwards. */
export function fingerprintValue(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits)) {
    throw new InvalidArgumentError('It has to be a SHA-256 fingerprint: 64 hexadecimal digits.');
  }
  return digits;
}

/** A repeatable option gathers its values in order. */
export function gathered(text: string, former: readonly string[] | undefined): readonly string[] {
  return [...(former ?? []), text];
}
