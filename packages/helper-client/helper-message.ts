import { XosError } from '@xtreemos/base';

/** The largest message in either direction, without its length prefix. Content that may be larger travels as a descriptor. */
export const maximumMessageBytes = 64 * 1024;

/** The most descriptors a message carries. */
export const maximumDescriptors = 1;

/** A message's bytes without the length prefix: UTF-8 JSON. @throws XosError XOS_INPUT_TOO_LARGE beyond 64 KiB. */
export function encodeMessage(value: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(value), 'utf8');
  if (bytes.length > maximumMessageBytes) {
    throw new XosError('XOS_INPUT_TOO_LARGE', {
      what: 'The helper message',
      size: bytes.length,
      limit: maximumMessageBytes,
    });
  }
  return bytes;
}

/** The JSON object that a message holds. @throws XosError XOS_INPUT_BAD for anything else. */
export function decodeMessage(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes.length > maximumMessageBytes) throw badMessage(`${bytes.length} bytes are too many`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw badMessage('it is not UTF-8 JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badMessage('it is not a JSON object');
  }
  return value as Readonly<Record<string, unknown>>;
}

function badMessage(reason: string, cause?: unknown): XosError {
  return new XosError('XOS_INPUT_BAD', { what: 'The helper message', where: 'body', reason }, { cause });
}
