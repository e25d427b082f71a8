import {
  alignmentOf,
  type BasicCode,
  parseSignature,
  parseSingleType,
  type Type,
  WireError,
} from './signature.ts';
import type { DbusValue } from './value.ts';

export const maximumArrayBytes = 64 * 1024 * 1024;
export const maximumMessageBytes = 128 * 1024 * 1024;
const maximumDepth = 64;

/** Values to bytes, little-endian, aligned from the start of the buffer (D-Bus specification, "Marshaling"). */
export class WireWriter {
  private buffer = Buffer.allocUnsafe(512);
  private length = 0;
  /** Keys and indexes down to the value at hand, for messages. */
  private readonly path: string[] = [];

  /** What was written; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  get position(): number {
    return this.length;
  }

  /** @throws WireError when the values do not fit the signature; the message says where. */
  write(signature: string, values: readonly DbusValue[]): void {
    const types = parseSignature(signature);
    if (types.length !== values.length) {
      throw new WireError(`${values.length} values for signature '${signature}'`);
    }
    for (const [index, type] of types.entries()) {
      this.path.push(`argument ${index}`);
      this.writeValue(type, values[index], 0);
      this.path.pop();
    }
  }

  align(boundary: number): void {
    const padding = (boundary - (this.length % boundary)) % boundary;
    const at = this.reserve(padding);
    this.buffer.fill(0, at, at + padding);
  }

  uint8(value: number): void {
    const at = this.reserve(1);
    this.buffer.writeUInt8(value, at);
  }

  uint32(value: number): void {
    this.align(4);
    const at = this.reserve(4);
    this.buffer.writeUInt32LE(value, at);
  }

  /** Overwrites a number written before. */
  patchUint32(at: number, value: number): void {
    this.buffer.writeUInt32LE(value, at);
  }

  private reserve(size: number): number {
    const at = this.length;
    this.length += size;
    if (this.length > maximumMessageBytes) throw new WireError('message too large');
    if (this.length > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.length, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    return at;
  }

  private writeValue(type: Type, value: unknown, depth: number): void {
    if (depth > maximumDepth) throw new WireError(`${this.where()}: nested too deep`);
    switch (type.code) {
      case 'a':
        this.writeArray(type.element, value, depth);
        return;
      case '(': {
        if (!Array.isArray(value) || value.length !== type.fields.length) {
          throw this.mismatch(`an array of ${type.fields.length}`, value);
        }
        this.align(8);
        for (const [index, field] of type.fields.entries()) {
          this.path.push(`[${index}]`);
          this.writeValue(field, value[index], depth + 1);
          this.path.pop();
        }
        return;
      }
      case 'v': {
        if (!isRecord(value) || typeof value['signature'] !== 'string')
          throw this.mismatch('a variant', value);
        const inner = parseSingleType(value['signature']);
        this.writeBasic('g', value['signature']);
        this.writeValue(inner, value['value'], depth + 1);
        return;
      }
      case '{':
        throw new WireError(`${this.where()}: dictionary entry outside of an array`);
      default:
        this.writeBasic(type.code, value);
        return;
    }
  }

  private writeArray(element: Type, value: unknown, depth: number): void {
    this.uint32(0);
    const lengthAt = this.length - 4;
    this.align(alignmentOf(element));
    const start = this.length;
    if (element.code === 'y') {
      if (!(value instanceof Uint8Array)) throw this.mismatch('bytes', value);
      const at = this.reserve(value.length);
      this.buffer.set(value, at);
    } else if (element.code === '{') {
      for (const [key, item] of this.entriesOf(value)) {
        this.align(8);
        this.path.push(`.${String(key)}`);
        this.writeBasic(element.key.code, key);
        this.writeValue(element.value, item, depth + 1);
        this.path.pop();
      }
    } else {
      if (!Array.isArray(value)) throw this.mismatch('an array', value);
      for (let index = 0; index < value.length; index += 1) {
        this.writeValue(element, value[index], depth + 1);
      }
    }
    if (this.length - start > maximumArrayBytes) throw new WireError(`${this.where()}: array too large`);
    this.patchUint32(lengthAt, this.length - start);
  }

  private writeBasic(code: BasicCode, value: unknown): void {
    switch (code) {
      case 's':
      case 'o':
      case 'g': {
        if (typeof value !== 'string' || value.includes('\0'))
          throw this.mismatch('a string without NUL', value);
        if (code === 'o' && !isObjectPath(value)) throw this.mismatch('an object path', value);
        if (code === 'g') parseSignature(value);
        const bytes = Buffer.byteLength(value, 'utf8');
        if (code === 'g') this.uint8(bytes);
        else this.uint32(bytes);
        const at = this.reserve(bytes + 1);
        this.buffer.write(value, at, 'utf8');
        this.buffer[at + bytes] = 0;
        return;
      }
      case 'b':
        if (typeof value !== 'boolean') throw this.mismatch('a boolean', value);
        this.uint32(value ? 1 : 0);
        return;
      case 'x':
      case 't': {
        const integer = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
        const fits =
          typeof integer === 'bigint' &&
          (code === 'x' ? BigInt.asIntN(64, integer) : BigInt.asUintN(64, integer)) === integer;
        if (!fits) throw this.mismatch(`a 64-bit integer (${code})`, value);
        this.align(8);
        const at = this.reserve(8);
        if (code === 'x') this.buffer.writeBigInt64LE(integer, at);
        else this.buffer.writeBigUInt64LE(integer, at);
        return;
      }
      default:
        this.writeNumber(code, value);
        return;
    }
  }

  private writeNumber(code: 'y' | 'n' | 'q' | 'i' | 'u' | 'd', value: unknown): void {
    if (typeof value !== 'number') throw this.mismatch(`a number (${code})`, value);
    if (code === 'd') {
      this.align(8);
      const at = this.reserve(8);
      this.buffer.writeDoubleLE(value, at);
      return;
    }
    const { minimum, maximum, size } = integers[code];
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      throw this.mismatch(`an integer from ${minimum} to ${maximum}`, value);
    }
    this.align(size);
    const at = this.reserve(size);
    if (minimum < 0) this.buffer.writeIntLE(value, at, size);
    else this.buffer.writeUIntLE(value, at, size);
  }

  private entriesOf(value: unknown): Iterable<readonly [unknown, unknown]> {
    if (value instanceof Map) return value;
    if (isRecord(value) && !Array.isArray(value) && !(value instanceof Uint8Array))
      return Object.entries(value);
    throw this.mismatch('an object or a Map', value);
  }

  private where(): string {
    return this.path.join('');
  }

  private mismatch(expected: string, value: unknown): WireError {
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : typeof value;
    const got = typeof value === 'number' ? String(value) : shown;
    return new WireError(`${this.where()}: expected ${expected}, got ${got}`);
  }
}

const integers = {
  y: { minimum: 0, maximum: 0xff, size: 1 },
  n: { minimum: -0x8000, maximum: 0x7fff, size: 2 },
  q: { minimum: 0, maximum: 0xffff, size: 2 },
  i: { minimum: -0x80000000, maximum: 0x7fffffff, size: 4 },
  u: { minimum: 0, maximum: 0xffffffff, size: 4 },
} as const;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

export function isObjectPath(path: string): boolean {
  return path === '/' || /^(\/[A-Za-z0-9_]+)+$/.test(path);
}
