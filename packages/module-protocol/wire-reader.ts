import { ProtocolError } from './protocol-error.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the fields of one frame's payload in order, strictly: every length is checked, nothing may be left over. */
export class WireReader {
  readonly #payload: Buffer;
  #offset = 0;

  constructor(payload: Buffer) {
    this.#payload = payload;
  }

  u32(name: string): number {
    return this.#take(name, 4).readUInt32LE();
  }

  i32(name: string): number {
    return this.#take(name, 4).readInt32LE();
  }

  text(name: string, maxBytes: number): string {
    const length = this.u32(name);
    if (length > maxBytes)
      throw new ProtocolError(`${name} has ${length} bytes, at most ${maxBytes} are taken`);
    const bytes = this.#take(name, length);
    if (this.#take(name, 1)[0] !== 0) throw new ProtocolError(`${name} is not closed by a NUL`);
    if (bytes.includes(0)) throw new ProtocolError(`${name} contains a NUL`);
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new ProtocolError(`${name} is not UTF-8`, { cause });
    }
  }

  /** A view on the received frame, not a copy: wiping it wipes the frame. */
  bytes(name: string, maxBytes: number): Buffer {
    const length = this.u32(name);
    if (length > maxBytes)
      throw new ProtocolError(`${name} has ${length} bytes, at most ${maxBytes} are taken`);
    return this.#take(name, length);
  }

  texts(name: string, maxBytes: number, maxCount: number): string[] {
    return Array.from({ length: this.#count(name, maxCount) }, () => this.text(name, maxBytes));
  }

  u32s(name: string, maxCount: number): number[] {
    return Array.from({ length: this.#count(name, maxCount) }, () => this.u32(name));
  }

  end(message: string): void {
    const left = this.#payload.length - this.#offset;
    if (left !== 0) throw new ProtocolError(`${message} has ${left} bytes too many`);
  }

  #count(name: string, maxCount: number): number {
    const count = this.u32(name);
    if (count > maxCount)
      throw new ProtocolError(`${name} has ${count} entries, at most ${maxCount} are taken`);
    if (count * 4 > this.#payload.length - this.#offset) throw new ProtocolError(`${name} is truncated`);
    return count;
  }

  #take(name: string, length: number): Buffer {
    const end = this.#offset + length;
    if (end > this.#payload.length) throw new ProtocolError(`${name} is truncated`);
    const part = this.#payload.subarray(this.#offset, end);
    this.#offset = end;
    return part;
  }
}
