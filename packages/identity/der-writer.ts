import { contextTag, tag } from './der-reader.ts';

/** Writes DER. Parts are concatenated; nothing is checked that the caller's types already say. */
export function element(identifier: number, ...parts: readonly Buffer[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const header =
    length < 0x80
      ? Buffer.from([identifier, length])
      : length < 0x100
        ? Buffer.from([identifier, 0x81, length])
        : length < 0x10000
          ? Buffer.from([identifier, 0x82, length >> 8, length & 0xff])
          : length < 0x1000000
            ? Buffer.from([identifier, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff])
            : Buffer.from([
                identifier,
                0x84,
                length >>> 24,
                (length >> 16) & 0xff,
                (length >> 8) & 0xff,
                length & 0xff,
              ]);
  return Buffer.concat([header, ...parts], header.length + length);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return element(tag.sequence, ...parts);
}

/** SET OF, in the order X.690 section 11.6 demands. */
export function setOf(...parts: readonly Buffer[]): Buffer {
  return element(tag.set, ...[...parts].sort(Buffer.compare));
}

/** `[number]` around complete elements. */
export function explicit(number: number, ...parts: readonly Buffer[]): Buffer {
  return element(contextTag(number, true), ...parts);
}

/** `[number] IMPLICIT` of a primitive type. */
export function implicit(number: number, content: Buffer): Buffer {
  return element(contextTag(number, false), content);
}

export function boolean(value: boolean): Buffer {
  return Buffer.from([tag.boolean, 1, value ? 0xff : 0]);
}

/** INTEGER from an unsigned big-endian magnitude, or from a number or bigint >= 0. */
export function integer(value: number | bigint | Buffer): Buffer {
  let magnitude: Buffer;
  if (Buffer.isBuffer(value)) {
    magnitude = value;
  } else {
    const hex = value.toString(16);
    magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  }
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const trimmed = magnitude.subarray(start);
  return (trimmed[0] ?? 0) >= 0x80
    ? element(tag.integer, Buffer.from([0]), trimmed)
    : element(tag.integer, trimmed.length === 0 ? Buffer.from([0]) : trimmed);
}

export function enumerated(value: number): Buffer {
  return Buffer.from([tag.enumerated, 1, value]);
}

const oidCache = new Map<string, Buffer>();

/** OBJECT IDENTIFIER from dotted text. The result is shared: do not write into it. */
export function oid(dotted: string): Buffer {
  const known = oidCache.get(dotted);
  if (known !== undefined) return known;
  const arcs = dotted.split('.').map((arc) => BigInt(arc));
  const [root = 0n, second = 0n, ...rest] = arcs;
  const bytes: number[] = [];
  for (const arc of [root * 40n + second, ...rest]) {
    const groups = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80);
    bytes.push(...groups);
  }
  const encoded = element(tag.oid, Buffer.from(bytes));
  // Callers pass constants; the bound guards against one that does not.
  if (oidCache.size < 256) oidCache.set(dotted, encoded);
  return encoded;
}

export function octetString(content: Buffer): Buffer {
  return element(tag.octetString, content);
}

/** BIT STRING of whole bytes. */
export function bitString(content: Buffer): Buffer {
  return element(tag.bitString, Buffer.from([0]), content);
}

/** BIT STRING of named bits, trailing zero bits removed (X.690 section 11.2.2). */
export function namedBits(bitNumbers: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bitNumbers);
  const bytes = Buffer.alloc(Math.ceil((highest + 1) / 8));
  for (const bit of bitNumbers) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return element(tag.bitString, Buffer.from([bytes.length * 8 - (highest + 1)]), bytes);
}

export function utf8String(text: string): Buffer {
  return element(tag.utf8String, Buffer.from(text, 'utf8'));
}

export function printableString(text: string): Buffer {
  return element(tag.printableString, Buffer.from(text, 'latin1'));
}

export function ia5String(text: string): Buffer {
  return element(tag.ia5String, Buffer.from(text, 'latin1'));
}

export function nullValue(): Buffer {
  return Buffer.from([tag.null, 0]);
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). Milliseconds are cut off. */
export function time(moment: Date): Buffer {
  const digits = moment.toISOString().replace(/[-:T]|\.\d+/g, '');
  const year = moment.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? element(tag.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : element(tag.generalizedTime, Buffer.from(digits, 'latin1'));
}
