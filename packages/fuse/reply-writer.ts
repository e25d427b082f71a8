import type { Attributes, AttributesReply, EntryReply, NegativeEntry, OpenReply } from './attributes.ts';
import { attributesWords, putAttributes, putEntry, putTimeout, putU64 } from './encoding.ts';
import type { KernelDevice } from './kernel-device.ts';
import { entryBytes, openReplyFlag, outHeaderBytes } from './protocol.ts';

const headWords = outHeaderBytes / 4;
const two32 = 2 ** 32;
/** Of a vector of the kernel's; more are joined. */
const mostParts = 1000;

/** Makes one reply after the other in the same place: a head of fixed fields, and data from wherever it lies. */
export class ReplyWriter {
  readonly #words = new Uint32Array(1024);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  readonly #device: KernelDevice;
  #at = headWords;
  #data: Buffer | readonly Buffer[] | null = null;
  #dataBytes = 0;

  constructor(device: KernelDevice) {
    this.#device = device;
  }

  start(): void {
    this.#at = headWords;
    this.#data = null;
    this.#dataBytes = 0;
  }

  u32(value: number): void {
    this.#words[this.#at++] = value;
  }

  u64(value: number | bigint): void {
    putU64(this.#words, this.#at, value);
    this.#at += 2;
  }

  zeros(words: number): void {
    this.#words.fill(0, this.#at, this.#at + words);
    this.#at += words;
  }

  attributes(attributes: Attributes): void {
    putAttributes(this.#words, this.#at, attributes);
    this.#at += attributesWords;
  }

  attributesReply(reply: AttributesReply): void {
    putTimeout(this.#words, this.#at, this.#at + 2, reply.attributesTimeoutNs);
    this.#words[this.#at + 3] = 0;
    this.#at += 4;
    this.attributes(reply.attributes);
  }

  entry(entry: EntryReply | NegativeEntry): void {
    putEntry(this.#words, this.#at, entry);
    this.#at += entryBytes / 4;
  }

  open(open: OpenReply): void {
    this.u64(open.handle);
    this.u32(
      (open.directIo === true ? openReplyFlag.directIo : 0) |
        (open.keepCache === true ? openReplyFlag.keepCache : 0) |
        (open.nonseekable === true ? openReplyFlag.nonseekable : 0) |
        (open.stream === true ? openReplyFlag.stream : 0) |
        (open.cacheDirectory === true ? openReplyFlag.cacheDirectory : 0) |
        (open.noFlush === true ? openReplyFlag.noFlush : 0) |
        (open.parallelDirectWrites === true ? openReplyFlag.parallelDirectWrites : 0),
    );
    this.u32(0);
  }

  data(data: Buffer | readonly Buffer[]): number {
    if (Buffer.isBuffer(data)) {
      this.#data = data;
      this.#dataBytes = data.length;
    } else {
      this.#data = data.length > mostParts ? Buffer.concat(data) : data;
      this.#dataBytes = data.reduce((sum, part) => sum + part.length, 0);
    }
    return this.#dataBytes;
  }

  /** @returns 0 or a negative errno. */
  send(unique: number): number {
    return this.#send(unique, 0);
  }

  sendError(unique: number, negative: number): number {
    this.start();
    return this.#send(unique, negative);
  }

  #send(unique: number, error: number): number {
    const words = this.#words;
    const headBytes = this.#at * 4;
    const high = Math.floor(unique / two32);
    words[0] = headBytes + this.#dataBytes;
    words[1] = error;
    words[2] = unique - high * two32;
    words[3] = high;
    const result = this.#device.write(this.#bytes, headBytes, this.#data);
    this.#data = null;
    return result;
  }
}
