/**
 * A change as it stands in the log. All numbers are big-endian:
 *
 *     0   u32  bytes of the record, a multiple of 8
 *     4   u32  CRC-32C of all that follows
 *     8   u32  generation of the segment
 *     12  u32  entries
 *     16  u64  sequence of the change
 *     24  u64  the last change that was durable when this one was written
 *     32       entries: u16 bytes of the key, u32 bytes of the value or 0xffffffff for none, key, value
 */
import { crc32c } from '@xtreemos/native-sys';

export interface ChangedEntry {
  readonly key: Buffer;
  /** Undefined: the key is deleted. */
  readonly value: Buffer | undefined;
}

export interface RecordHead {
  readonly generation: number;
  readonly sequence: number;
  readonly durable: number;
}

export interface ChangeRecord extends RecordHead {
  readonly bytes: number;
  readonly entries: readonly ChangedEntry[];
}

const headBytes = 32;
const entryHeadBytes = 6;
const deleted = 0xffffffff;

export function recordBytes(entries: readonly ChangedEntry[]): number {
  let bytes = headBytes;
  for (const { key, value } of entries) bytes += entryHeadBytes + key.length + (value?.length ?? 0);
  return Math.ceil(bytes / 8) * 8;
}

export function encodeRecord(
  entries: readonly ChangedEntry[],
  { generation, sequence, durable }: RecordHead,
): Buffer {
  const bytes = Buffer.alloc(recordBytes(entries));
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(generation, 8);
  bytes.writeUInt32BE(entries.length, 12);
  writeNumber(bytes, sequence, 16);
  writeNumber(bytes, durable, 24);
  let at = headBytes;
  for (const { key, value } of entries) {
    bytes.writeUInt16BE(key.length, at);
    bytes.writeUInt32BE(value?.length ?? deleted, at + 2);
    bytes.set(key, at + entryHeadBytes);
    at += entryHeadBytes + key.length;
    if (value === undefined) continue;
    bytes.set(value, at);
    at += value.length;
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(8)), 4);
  return bytes;
}

/** Undefined where there is no whole record. Entries are views of `bytes`. */
export function readRecord(bytes: Buffer, at: number): ChangeRecord | undefined {
  if (at + headBytes > bytes.length) return undefined;
  const length = bytes.readUInt32BE(at);
  if (length < headBytes || length % 8 !== 0 || at + length > bytes.length) return undefined;
  const record = bytes.subarray(at, at + length);
  if (crc32c(record.subarray(8)) !== record.readUInt32BE(4)) return undefined;
  const entries: ChangedEntry[] = [];
  let entryAt = headBytes;
  for (let left = record.readUInt32BE(12); left > 0; left--) {
    const keyBytes = record.readUInt16BE(entryAt);
    const valueBytes = record.readUInt32BE(entryAt + 2);
    const valueAt = entryAt + entryHeadBytes + keyBytes;
    const key = record.subarray(entryAt + entryHeadBytes, valueAt);
    entryAt = valueBytes === deleted ? valueAt : valueAt + valueBytes;
    entries.push({ key, value: valueBytes === deleted ? undefined : record.subarray(valueAt, entryAt) });
  }
  return {
    bytes: length,
    generation: record.readUInt32BE(8),
    sequence: readNumber(record, 16),
    durable: readNumber(record, 24),
    entries,
  };
}

function writeNumber(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
}

function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}
