import { errno } from './errno.ts';
import { inHeaderBytes, nameMostBytes } from './protocol.ts';
import type { ReceiveBuffer } from './receive-buffer.ts';

const two32 = 2 ** 32;

/** A request that does not hold what it claims to; `errno` is the answer. */
export class MalformedRequest extends Error {
  readonly errno: number;

  constructor(message: string, answer: number = errno.EIO) {
    super(message);
    this.errno = answer;
  }
}

/**
 * The request in the receive buffer. Offsets count from behind the header, in bytes; numbers of 64 bits above 2^53 lose their
 * last digits but stay above, so that they mean no node, handle or offset that was given out.
 */
export class Message {
  #bytes: Buffer = Buffer.alloc(0);
  #words: Uint32Array = new Uint32Array(0);
  #end = 0;
  opcode = 0;
  unique = 0;
  node = 0;
  uid = 0;
  gid = 0;
  pid = 0;
  /** Set by init: setxattr has its longer form. */
  setxattrExtended = false;
  maxWriteBytes = 0;

  /** @returns false when not even the header is whole: there is nobody to answer. */
  take(buffer: ReceiveBuffer, length: number): boolean {
    const words = buffer.words;
    if (length < inHeaderBytes || words[0] !== length) return false;
    this.#bytes = buffer.bytes;
    this.#words = words;
    this.opcode = words[1] ?? 0;
    this.unique = (words[3] ?? 0) * two32 + (words[2] ?? 0);
    this.node = (words[5] ?? 0) * two32 + (words[4] ?? 0);
    this.uid = words[6] ?? 0;
    this.gid = words[7] ?? 0;
    this.pid = words[8] ?? 0;
    // Extensions, of which none was asked for, stand at the end; their length is in units of 8 bytes.
    this.#end = length - ((words[9] ?? 0) & 0xffff) * 8;
    return this.#end >= inHeaderBytes;
  }

  get bodyBytes(): number {
    return this.#end - inHeaderBytes;
  }

  /** Fields lie on 4 bytes; the kind's least length was checked before. */
  u32(offset: number): number {
    return this.#words[(inHeaderBytes + offset) >> 2] ?? 0;
  }

  u64(offset: number): number {
    const index = (inHeaderBytes + offset) >> 2;
    return (this.#words[index + 1] ?? 0) * two32 + (this.#words[index] ?? 0);
  }

  /** A time: seconds before 1970 are negative. */
  i64(offset: number): number {
    const index = (inHeaderBytes + offset) >> 2;
    return ((this.#words[index + 1] ?? 0) | 0) * two32 + (this.#words[index] ?? 0);
  }

  big(offset: number): bigint {
    const index = (inHeaderBytes + offset) >> 2;
    return (BigInt(this.#words[index + 1] ?? 0) << 32n) | BigInt(this.#words[index] ?? 0);
  }

  /** The offset behind the string that starts at `offset`. */
  after(offset: number): number {
    const end = this.#bytes.indexOf(0, inHeaderBytes + offset);
    if (end < 0 || end >= this.#end) throw new MalformedRequest('a string without end');
    return end + 1 - inHeaderBytes;
  }

  /** A copy, for whoever wants to keep it. */
  text(offset: number): Buffer {
    const length = this.after(offset) - offset - 1;
    const copy = Buffer.allocUnsafe(length);
    this.#bytes.copy(copy, 0, inHeaderBytes + offset, inHeaderBytes + offset + length);
    return copy;
  }

  name(offset: number): Buffer {
    const name = this.text(offset);
    if (name.length > nameMostBytes) throw new MalformedRequest('a name too long', errno.ENAMETOOLONG);
    if (name.length === 0) throw new MalformedRequest('a name without bytes', errno.EINVAL);
    return name;
  }

  /** Where it lies. */
  data(offset: number, length: number): Buffer {
    const start = inHeaderBytes + offset;
    if (length > this.#end - start) throw new MalformedRequest('less data than announced');
    return this.#bytes.subarray(start, start + length);
  }
}
