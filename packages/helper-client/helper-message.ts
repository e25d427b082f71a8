import { XosError } from '@xtreemos/base';

/** The largest message in either direction, without its length prefix. Content that may be larger travels as a descriptor. */
export const maximumMessageBytes = 64 * 1024;

/** The most descriptors a message carries (stdin, stdout and stderr of a service). */
export const maximumDescriptors = 3;

/** Frames a value: 4 bytes little-endian length, then UTF-8 JSON. Throws XOS_INPUT_TOO_LARGE beyond 64 KiB. */
export function encodeMessage(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value), 'utf8');
  if (body.length > maximumMessageBytes) {
    throw new XosError('XOS_INPUT_TOO_LARGE', {
      what: 'The helper message',
      size: body.length,
      limit: maximumMessageBytes,
    });
  }
  const framed = Buffer.allocUnsafe(4 + body.length);
  framed.writeUInt32LE(body.length, 0);
  body.copy(framed, 4);
  return framed;
}

/**
 * Length of the whole framed message that `bytes` begins, or undefined while fewer than 4 bytes are there.
 * Throws XOS_INPUT_BAD for a length of 0 or beyond 64 KiB, before anything of it is buffered.
 */
export function framedLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < 4) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  if (length === 0 || length > maximumMessageBytes) {
    throw badMessage('length', `${length}, allowed are 1 to ${maximumMessageBytes} bytes`);
  }
  return 4 + length;
}

/** Decodes one complete framed message to an object. Throws XOS_INPUT_BAD. */
export function decodeMessage(framed: Uint8Array): Readonly<Record<string, unknown>> {
  const length = framedLength(framed);
  if (length === undefined || length !== framed.length) {
    throw badMessage('length', 'the message is shorter or longer than its prefix says');
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(framed.subarray(4)));
  } catch (cause) {
    throw badMessage('body', 'not UTF-8 JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badMessage('body', 'not a JSON object');
  }
  return value as Readonly<Record<string, unknown>>;
}

function badMessage(where: string, reason: string, cause?: unknown): XosError {
  return new XosError('XOS_INPUT_BAD', { what: 'The helper message', where, reason }, { cause });
}
