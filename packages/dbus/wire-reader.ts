import {
  alignmentOf,
  type BasicCode,
  parseSignature,
  parseSingleType,
  type Type,
  WireError,
} from './signature.ts';
import type { DbusValue } from './value.ts';
import { maximumArrayBytes } from './wire-writer.ts';

const maximumDepth = 64;

/** Bytes to values, in either byte order, every length checked against what is there. */
export class WireReader {
  private readonly buffer: Buffer;
  private readonly littleEndian: boolean;
  private at: number;

  constructor(buffer: Buffer, littleEndian: boolean, position = 0) {
    this.buffer = buffer;
    this.littleEndian = littleEndian;
    this.at = position;
  }

  get position(): number {
    return this.at;
  }

  /** @throws WireError */
  read(signature: string): readonly DbusValue[] {
    return parseSignature(signature).map((type) => this.readValue(type, 0));
  }

  align(boundary: number): void {
    const padding = (boundary - (this.at % boundary)) % boundary;
    const from = this.take(padding);
    for (let index = from; index < this.at; index += 1) {
      if (this.buffer[index] !== 0) throw new WireError('padding is not zero');
    }
  }

  /** Advances by `size` and returns where it was. */
  private take(size: number): number {
    const from = this.at;
    if (size > this.buffer.length - from) throw new WireError('value reaches beyond the end of the message');
    this.at += size;
    return from;
  }

  private readValue(type: Type, depth: number): DbusValue {
    if (depth > maximumDepth) throw new WireError('nested too deep');
    switch (type.code) {
      case 'a':
        return this.readArray(type.element, depth);
      case '(':
        this.align(8);
        return type.fields.map((field) => this.readValue(field, depth + 1));
      case 'v': {
        const signature = this.readString('g');
        return { signature, value: this.readValue(parseSingleType(signature), depth + 1) };
      }
      case '{':
        throw new WireError('dictionary entry outside of an array');
      default:
        return this.readBasic(type.code);
    }
  }

  private readArray(element: Type, depth: number): DbusValue {
    const length = this.readUint32();
    if (length > maximumArrayBytes) throw new WireError('array too large');
    this.align(alignmentOf(element));
    const from = this.take(length);
    const end = this.at;
    if (element.code === 'y') return Buffer.from(this.buffer.subarray(from, end));
    this.at = from;
    if (element.code === '{') {
      const entries: (readonly [string | number | bigint | boolean, DbusValue])[] = [];
      while (this.at < end) {
        this.align(8);
        const key = this.readBasic(element.key.code);
        entries.push([key, this.readValue(element.value, depth + 1)]);
      }
      this.expectEnd(end);
      // fromEntries defines properties, it never assigns: a key __proto__ is a key like any other.
      return 'sog'.includes(element.key.code) ? Object.fromEntries(entries) : new Map(entries);
    }
    const items: DbusValue[] = [];
    while (this.at < end) items.push(this.readValue(element, depth + 1));
    this.expectEnd(end);
    return items;
  }

  private expectEnd(end: number): void {
    if (this.at !== end) throw new WireError('array length does not fit its elements');
  }

  private readUint32(): number {
    this.align(4);
    const from = this.take(4);
    return this.littleEndian ? this.buffer.readUInt32LE(from) : this.buffer.readUInt32BE(from);
  }

  private readString(code: 's' | 'o' | 'g'): string {
    const length = code === 'g' ? this.buffer.readUInt8(this.take(1)) : this.readUint32();
    const from = this.take(length + 1);
    if (this.buffer[from + length] !== 0) throw new WireError('string is not terminated');
    return this.buffer.toString('utf8', from, from + length);
  }

  private readBasic(code: BasicCode): string | number | bigint | boolean {
    switch (code) {
      case 's':
      case 'o':
      case 'g':
        return this.readString(code);
      case 'b': {
        const value = this.readUint32();
        if (value > 1) throw new WireError('boolean is neither 0 nor 1');
        return value === 1;
      }
      case 'y':
        return this.buffer.readUInt8(this.take(1));
      case 'u':
        return this.readUint32();
      case 'i':
        return this.readUint32() | 0;
      case 'n':
      case 'q': {
        this.align(2);
        const from = this.take(2);
        const value = this.littleEndian ? this.buffer.readUInt16LE(from) : this.buffer.readUInt16BE(from);
        return code === 'q' ? value : (value << 16) >> 16;
      }
      default: {
        this.align(8);
        const from = this.take(8);
        if (code === 'd')
          return this.littleEndian ? this.buffer.readDoubleLE(from) : this.buffer.readDoubleBE(from);
        if (code === 'x')
          return this.littleEndian ? this.buffer.readBigInt64LE(from) : this.buffer.readBigInt64BE(from);
        return this.littleEndian ? this.buffer.readBigUInt64LE(from) : this.buffer.readBigUInt64BE(from);
      }
    }
  }
}
