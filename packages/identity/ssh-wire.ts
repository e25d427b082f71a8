import { XosError } from '@xtreemos/base';
import { decodeUtf8 } from './der-reader.ts';

/** A cursor over SSH's encoding (RFC 4251 section 5): big-endian lengths in front of every string. Views, no copies. */
export class SshReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#at;
  }

  refuse(reason: string): never {
    throw new XosError('XOS_INPUT_BAD', { what: this.#what, where: `byte ${this.#at}`, reason });
  }

  #take(length: number, field: string): Buffer {
    if (length > this.#bytes.length - this.#at) this.refuse(`${field} is truncated`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  u32(field: string): number {
    return this.#take(4, field).readUInt32BE();
  }

  u64(field: string): bigint {
    return this.#take(8, field).readBigUInt64BE();
  }

  string(field: string): Buffer {
    return this.#take(this.u32(field), field);
  }

  text(field: string): string {
    const text = decodeUtf8(this.string(field));
    return text ?? this.refuse(`${field} is not valid UTF-8`);
  }

  /** A cursor inside the next string. */
  inside(field: string): SshReader {
    return new SshReader(this.string(field), this.#what);
  }

  /** Magnitude of a non-negative mpint, without the sign byte; must be minimal. */
  mpint(field: string): Buffer {
    const bytes = this.string(field);
    const [first = 0, second = 0] = bytes;
    if (first >= 0x80) this.refuse(`${field} is negative`);
    if (bytes.length > 0 && first === 0 && second < 0x80) this.refuse(`${field} is not minimal`);
    return first === 0 ? bytes.subarray(1) : bytes;
  }

  finish(field: string): void {
    if (!this.done) this.refuse(`${this.#bytes.length - this.#at} bytes follow the end of ${field}`);
  }
}

export function sshU32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function sshU64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** A string; several parts become its content one after the other. */
export function sshString(...parts: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : part)),
  );
  return Buffer.concat([sshU32(content.length), content]);
}

/** An mpint from an unsigned magnitude. */
export function sshMpint(magnitude: Buffer): Buffer {
  let start = 0;
  while (start < magnitude.length && magnitude[start] === 0) start++;
  const trimmed = magnitude.subarray(start);
  return (trimmed[0] ?? 0) >= 0x80 ? sshString(Buffer.from([0]), trimmed) : sshString(trimmed);
}
