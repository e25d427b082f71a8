import { XosError } from '@xtreemos/base';

/** Universal tags as identifier octets (X.690 section 8.1.2), constructed bit set where the type demands it. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Identifier octet of `[number]`, context-specific. */
export function contextTag(number: number, constructed: boolean): number {
  return 0x80 | (constructed ? 0x20 : 0) | number;
}

/** One element: identifier octet, content, and the whole encoding, as views into the input. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  readonly der: Buffer;
}

const decodedOids = new Map<string, string>();

/**
 * A cursor over DER that refuses what DER forbids: indefinite and non-minimal lengths, tags above 30, values that end
 * early or late. It never copies and never recurses, so hostile input costs at most its own size. Every refusal is
 * XOS_INPUT_BAD with the byte offset in the outermost input.
 */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  readonly #origin: number;
  #at = 0;

  /** `origin` is the offset of `bytes` in the outermost input. */
  constructor(bytes: Buffer, what: string, origin = 0) {
    this.#bytes = bytes;
    this.#what = what;
    this.#origin = origin;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Identifier octet of the next element, or undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  refuse(reason: string, at: number = this.#at): never {
    throw new XosError('XOS_INPUT_BAD', { what: this.#what, where: `byte ${this.#origin + at}`, reason });
  }

  /** The next element, whatever its tag. */
  any(field: string): DerElement {
    const bytes = this.#bytes;
    const start = this.#at;
    const identifier = bytes[start];
    const first = bytes[start + 1];
    if (identifier === undefined || first === undefined)
      this.refuse(`${field} is missing or truncated`, start);
    if ((identifier & 0x1f) === 0x1f) this.refuse(`${field} has a tag number above 30`, start);
    let contentAt = start + 2;
    let length = first;
    if (first === 0x80) this.refuse(`${field} has an indefinite length, which DER forbids`, start);
    if (first > 0x80) {
      const count = first & 0x7f;
      if (count > 4) this.refuse(`${field} has a length of ${count} bytes`, start);
      length = 0;
      for (let index = 0; index < count; index++) {
        const byte = bytes[contentAt + index];
        if (byte === undefined) this.refuse(`${field} is truncated in its length`, start);
        length = length * 256 + byte;
      }
      contentAt += count;
      const minimal = length < 0x80 ? 0 : Math.ceil(Math.log2(length + 1) / 8);
      if (minimal !== count) this.refuse(`${field} has a length that is not minimal`, start);
    }
    const end = contentAt + length;
    if (end > bytes.length) {
      this.refuse(`${field} claims ${length} bytes where ${bytes.length - contentAt} are left`, start);
    }
    this.#at = end;
    return { tag: identifier, content: bytes.subarray(contentAt, end), der: bytes.subarray(start, end) };
  }

  /** The next element, which must have this identifier octet. */
  element(wanted: number, field: string): DerElement {
    const start = this.#at;
    if (this.peek() !== wanted) {
      const found = this.peek();
      const actual = found === undefined ? 'the end' : `tag 0x${found.toString(16).padStart(2, '0')}`;
      this.refuse(
        `${field} should have tag 0x${wanted.toString(16).padStart(2, '0')}, found ${actual}`,
        start,
      );
    }
    return this.any(field);
  }

  /** A cursor inside the next element, which must have this tag. */
  enter(wanted: number, field: string): DerReader {
    return this.inside(this.element(wanted, field));
  }

  /** A cursor inside an element that this cursor gave. */
  inside(element: DerElement): DerReader {
    return new DerReader(element.content, this.#what, this.#origin + this.#at - element.content.length);
  }

  /** Refuses bytes after the last element. */
  finish(field: string): void {
    if (!this.done) this.refuse(`${this.#bytes.length - this.#at} bytes follow the end of ${field}`);
  }

  sequence(field: string): DerReader {
    return this.enter(tag.sequence, field);
  }

  boolean(field: string): boolean {
    const { content } = this.element(tag.boolean, field);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
      this.refuse(`${field} is no DER BOOLEAN`);
    return content[0] === 0xff;
  }

  /** Content octets of an INTEGER, minimal (X.690 section 8.3.2), at most `maximumBytes`. */
  integerBytes(field: string, maximumBytes: number): Buffer {
    const { content } = this.element(tag.integer, field);
    this.#minimalInteger(content, field, maximumBytes);
    return content;
  }

  #minimalInteger(content: Buffer, field: string, maximumBytes: number): void {
    const [first, second] = content;
    if (first === undefined) this.refuse(`${field} is an empty INTEGER`);
    if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
      this.refuse(`${field} is an INTEGER that is not minimal`);
    }
    if (content.length > maximumBytes)
      this.refuse(`${field} has ${content.length} bytes, more than ${maximumBytes}`);
  }

  /** A non-negative INTEGER below 2^31. */
  smallInteger(field: string): number {
    const content = this.integerBytes(field, 5);
    if ((content[0] ?? 0) >= 0x80) this.refuse(`${field} is negative`);
    const value = content.readUIntBE(0, content.length);
    if (value >= 2 ** 31) this.refuse(`${field} is ${value}, out of range`);
    return value;
  }

  enumerated(field: string): number {
    const { content } = this.element(tag.enumerated, field);
    this.#minimalInteger(content, field, 1);
    return content[0] ?? 0;
  }

  oid(field: string): string {
    const { content } = this.element(tag.oid, field);
    const encoding = content.toString('latin1');
    const known = decodedOids.get(encoding);
    if (known !== undefined) return known;
    const dotted = this.#decodeOid(content, field);
    // Certificates share some thirty OIDs; strangers cannot push those out, they only find the map full.
    if (decodedOids.size < 512) decodedOids.set(encoding, dotted);
    return dotted;
  }

  #decodeOid(content: Buffer, field: string): string {
    if (content.length === 0 || content.length > 64)
      this.refuse(`${field} is an OID of ${content.length} bytes`);
    if (((content.at(-1) ?? 0x80) & 0x80) !== 0) this.refuse(`${field} is an OID that ends inside an arc`);
    const arcs: string[] = [];
    let arc = 0n;
    let fresh = true;
    for (const byte of content) {
      if (fresh && byte === 0x80) this.refuse(`${field} is an OID that is not minimal`);
      arc = (arc << 7n) | BigInt(byte & 0x7f);
      fresh = (byte & 0x80) === 0;
      if (!fresh) continue;
      if (arcs.length === 0) {
        const root = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
        arcs.push(String(root), String(arc - root * 40n));
      } else {
        arcs.push(String(arc));
      }
      arc = 0n;
    }
    return arcs.join('.');
  }

  octetString(field: string): Buffer {
    return this.element(tag.octetString, field).content;
  }

  /** A BIT STRING of whole bytes (keys, signatures). */
  bitString(field: string): Buffer {
    const { bits, unusedBits } = this.namedBits(field);
    if (unusedBits !== 0) this.refuse(`${field} is not a whole number of bytes`);
    return bits;
  }

  namedBits(field: string): { readonly bits: Buffer; readonly unusedBits: number } {
    const { content } = this.element(tag.bitString, field);
    const unusedBits = content[0];
    if (unusedBits === undefined || unusedBits > 7) this.refuse(`${field} is no BIT STRING`);
    const bits = content.subarray(1);
    const last = bits.at(-1) ?? 0;
    if ((bits.length === 0 && unusedBits > 0) || (last & ((1 << unusedBits) - 1)) !== 0) {
      this.refuse(`${field} has padding bits that are not zero`);
    }
    return { bits, unusedBits };
  }

  utf8String(field: string, maximumBytes: number): string {
    const { content } = this.element(tag.utf8String, field);
    if (content.length > maximumBytes)
      this.refuse(`${field} has ${content.length} bytes, more than ${maximumBytes}`);
    const text = decodeUtf8(content);
    if (text === undefined) this.refuse(`${field} is not valid UTF-8`);
    return text;
  }

  /** UTCTime or GeneralizedTime in the one form RFC 5280 section 4.1.2.5 allows: seconds, no fraction, Z. */
  time(field: string): Date {
    const element = this.any(field);
    const text = element.content.toString('latin1');
    const isUtc = element.tag === tag.utcTime && /^\d{12}Z$/.test(text);
    const isGeneralized = element.tag === tag.generalizedTime && /^\d{14}Z$/.test(text);
    if (!isUtc && !isGeneralized)
      this.refuse(`${field} is no time of the form YYMMDDhhmmssZ or YYYYMMDDhhmmssZ`);
    const full = isUtc ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
    const iso = full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
    const time = new Date(iso);
    if (Number.isNaN(time.getTime()) || time.toISOString() !== iso)
      this.refuse(`${field} names no moment: ${text}`);
    return time;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of valid UTF-8 bytes, or undefined. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
