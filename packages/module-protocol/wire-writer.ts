import { ProtocolError } from './protocol-error.ts';

/** Fields of one frame, little-endian, in order. Numbers out of range and texts too long throw ProtocolError. */
export class WireWriter {
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  u32(name: string, value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new ProtocolError(`${name}: ${value} is not an unsigned 32-bit number`);
    }
    const part = Buffer.allocUnsafe(4);
    part.writeUInt32LE(value);
    this.#push(part);
  }

  i32(name: string, value: number): void {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0x7fffffff) {
      throw new ProtocolError(`${name}: ${value} is not a signed 32-bit number`);
    }
    const part = Buffer.allocUnsafe(4);
    part.writeInt32LE(value);
    this.#push(part);
  }

  /** u32 length, the bytes, one NUL (so that C reads it in place). */
  text(name: string, value: string, maxBytes: number): void {
    if (value.includes('\0')) throw new ProtocolError(`${name} contains a NUL`);
    if (!value.isWellFormed()) throw new ProtocolError(`${name} is not well-formed Unicode`);
    const length = Buffer.byteLength(value);
    if (length > maxBytes) throw new ProtocolError(`${name} has ${length} bytes, at most ${maxBytes} fit`);
    const part = Buffer.alloc(4 + length + 1);
    part.writeUInt32LE(length);
    part.write(value, 4);
    this.#push(part);
  }

  /** u32 length, the bytes. */
  bytes(name: string, value: Uint8Array, maxBytes: number): void {
    if (value.length > maxBytes) {
      throw new ProtocolError(`${name} has ${value.length} bytes, at most ${maxBytes} fit`);
    }
    this.u32(name, value.length);
    this.#push(Buffer.from(value.buffer, value.byteOffset, value.length));
  }

  texts(name: string, values: readonly string[], maxBytes: number, maxCount: number): void {
    if (values.length > maxCount) {
      throw new ProtocolError(`${name} has ${values.length} entries, at most ${maxCount} fit`);
    }
    this.u32(name, values.length);
    for (const value of values) this.text(name, value, maxBytes);
  }

  u32s(name: string, values: readonly number[], maxCount: number): void {
    if (values.length > maxCount) {
      throw new ProtocolError(`${name} has ${values.length} entries, at most ${maxCount} fit`);
    }
    this.u32(name, values.length);
    for (const value of values) this.u32(name, value);
  }

  /** The frame: header and fields. Throws ProtocolError when it exceeds maxBytes. */
  frame(protocol: number, type: number, maxBytes: number): Buffer {
    const total = 8 + this.#bytes;
    if (total > maxBytes) {
      throw new ProtocolError(`a message of ${total} bytes exceeds the frame limit of ${maxBytes} bytes`);
    }
    const header = Buffer.alloc(8);
    header.writeUInt16LE(protocol, 0);
    header.writeUInt16LE(type, 2);
    header.writeUInt32LE(this.#bytes, 4);
    return Buffer.concat([header, ...this.#parts], total);
  }

  #push(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
  }
}
