import { createHash } from 'node:crypto';
import { XosError } from '@xtreemos/base';

/** What a VO administrator hands to a node's administrator: one line of text, single use. */
export interface NodeToken {
  readonly url: string;
  readonly vo: string;
  /** Hex SHA-256 of the root of the service's TLS certificate. */
  readonly caFingerprint: string;
  readonly secret: string;
  readonly expiresAtMs: number;
}

const prefix = 'xos-node-1';
const maximumLength = 2048;

/** `xos-node-1.<base64url JSON>.<8 hex digits checksum>`: one word, safe in a file, a prompt and a form field. */
export function formatNodeToken(token: NodeToken): string {
  const payload = Buffer.from(
    JSON.stringify([token.url, token.vo, token.caFingerprint, token.secret, token.expiresAtMs]),
  ).toString('base64url');
  return `${prefix}.${payload}.${checksum(payload)}`;
}

/**
 * Throws XosError XOS_TOKEN_INVALID naming what is wrong (cut short, mistyped, not a token). Whether it has expired is
 * left to the caller and the service.
 */
export function parseNodeToken(text: string): NodeToken {
  const word = text.trim();
  if (word.length > maximumLength) throw invalid(`it is longer than ${maximumLength} characters`);
  const parts = word.split('.');
  const [mark, payload, sum] = parts;
  if (mark !== prefix) throw invalid(`it does not start with ${prefix}`);
  if (parts.length !== 3 || payload === undefined || sum === undefined) throw invalid('it is cut short');
  if (checksum(payload) !== sum) throw invalid('its checksum does not fit: it is cut short or mistyped');
  return fields(payload);
}

function fields(payload: string): NodeToken {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch (error) {
    throw new XosError(
      'XOS_TOKEN_INVALID',
      { what: 'node', reason: 'its content is not JSON' },
      { cause: error },
    );
  }
  if (!Array.isArray(value)) throw invalid('its content is not a list');
  const [url, vo, caFingerprint, secret, expiresAtMs]: readonly unknown[] = value;
  if (typeof url !== 'string' || URL.parse(url)?.protocol !== 'https:')
    throw invalid('its service URL is not https');
  if (typeof vo !== 'string' || !/^[a-z0-9][a-z0-9.-]{0,62}$/.test(vo))
    throw invalid('its VO id is malformed');
  if (typeof caFingerprint !== 'string' || !/^[0-9a-f]{64}$/.test(caFingerprint)) {
    throw invalid('its CA fingerprint is not a SHA-256 in hexadecimal');
  }
  if (typeof secret !== 'string' || !/^[A-Za-z0-9_-]{16,128}$/.test(secret))
    throw invalid('its secret is malformed');
  if (typeof expiresAtMs !== 'number' || !Number.isSafeInteger(expiresAtMs))
    throw invalid('its expiry is malformed');
  return { url, vo, caFingerprint, secret, expiresAtMs };
}

/** Catches slips of copy and paste; the secret itself is what protects. */
function checksum(payload: string): string {
  return createHash('sha256').update(payload).digest('hex').slice(0, 8);
}

function invalid(reason: string): XosError {
  return new XosError('XOS_TOKEN_INVALID', { what: 'node', reason });
}
