import type { Attributes, EntryReply, NegativeEntry } from './attributes.ts';
import { entryBytes } from './protocol.ts';

const two32 = 2 ** 32;
/** 68 years: as long as the kernel can count in any configuration. */
const mostTimeoutSeconds = 2 ** 31 - 1;

/** Of safe integers, negative ones too, and of 64-bit bigints. */
export function putU64(words: Uint32Array, index: number, value: number | bigint): void {
  if (typeof value === 'bigint') {
    words[index] = Number(BigInt.asUintN(32, value));
    words[index + 1] = Number(BigInt.asUintN(32, value >> 32n));
  } else {
    const high = Math.floor(value / two32);
    words[index] = value - high * two32;
    words[index + 1] = high;
  }
}

export const attributesWords = 22;

export function putAttributes(words: Uint32Array, index: number, attributes: Attributes): void {
  putU64(words, index, attributes.ino);
  putU64(words, index + 2, attributes.size);
  putU64(words, index + 4, attributes.blocks);
  putU64(words, index + 6, attributes.atimeSeconds);
  putU64(words, index + 8, attributes.mtimeSeconds);
  putU64(words, index + 10, attributes.ctimeSeconds);
  words[index + 12] = attributes.atimeNanoseconds;
  words[index + 13] = attributes.mtimeNanoseconds;
  words[index + 14] = attributes.ctimeNanoseconds;
  words[index + 15] = attributes.mode;
  words[index + 16] = attributes.nlink;
  words[index + 17] = attributes.uid;
  words[index + 18] = attributes.gid;
  words[index + 19] = attributes.rdev;
  words[index + 20] = attributes.blockBytes;
  words[index + 21] = 0;
}

/** Seconds at `index` (64 bits), nanoseconds at `nanoseconds`. */
export function putTimeout(words: Uint32Array, index: number, nanoseconds: number, timeoutNs: number): void {
  const seconds = Math.min(mostTimeoutSeconds, Math.floor(timeoutNs / 1e9));
  words[index] = seconds;
  words[index + 1] = 0;
  words[nanoseconds] = seconds === mostTimeoutSeconds ? 0 : timeoutNs - seconds * 1e9;
}

export function putEntry(words: Uint32Array, index: number, entry: EntryReply | NegativeEntry): void {
  if (entry.node === 0) {
    words.fill(0, index, index + entryBytes / 4);
    putTimeout(words, index + 4, index + 8, entry.entryTimeoutNs);
    return;
  }
  const found = entry as EntryReply;
  putU64(words, index, found.node);
  putU64(words, index + 2, found.generation);
  putTimeout(words, index + 4, index + 8, found.entryTimeoutNs);
  putTimeout(words, index + 6, index + 9, found.attributesTimeoutNs);
  putAttributes(words, index + 10, found.attributes);
}
