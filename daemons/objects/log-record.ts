/** The records of the write log: what is changed, on which file, with the blocks where the log has to hold them. */
import { crc32c } from '@xtreemos/native-sys';
import { maximumFileIdLength, parseFileId, type Striping } from '@xtreemos/xtreemfs';
import { blockBytes } from './file-layout.ts';

/**
 * - `write`: whole blocks, held in the log until they are durable in their file
 * - `placed`: blocks that were written to their file and may not be durable there
 * - `synced`: blocks that are durable in their file; from here on their checksums count
 * - `truncate`, `punch`, `unlink`: blocks from `firstBlock` on, a range of blocks, all of them, cease to be
 */
export type RecordKind = 'write' | 'placed' | 'synced' | 'truncate' | 'punch' | 'unlink';

export interface LogRecord {
  readonly kind: RecordKind;
  readonly fileId: string;
  /** State of the file after the record. */
  readonly localBytes: number;
  readonly truncateEpoch: number;
  readonly striping: Striping | undefined;
  readonly firstBlock: number;
  readonly blockCount: number;
  /** Stored checksums, of kinds write, placed and synced; else empty. */
  readonly checksums: Uint32Array;
  /** The blocks one after the other, of kind write; else none. */
  readonly blocks: readonly Uint8Array[];
}

/** Where a record stands in the log. */
export interface RecordPlace {
  readonly sequence: number;
  /** Of the segment; records of an earlier use of the segment have another. */
  readonly generation: number;
  /** All records up to this one were durable when this was made. */
  readonly durableSequence: number;
}

export interface PlacedRecord extends RecordPlace {
  readonly record: LogRecord;
  /** With padding. */
  readonly bytes: number;
}

const magic = 0x314c_5258;
const kinds: readonly RecordKind[] = ['write', 'placed', 'synced', 'truncate', 'punch', 'unlink'];
/** magic, crc, bytes of the rest, bytes of blocks; the crc covers what follows it. */
const prefixBytes = 16;
const fixedBytes = prefixBytes + 8 * 6 + 4 * 4 + 4;
const alignmentBytes = 8;
export const maximumBlocksPerRecord = 1024;
const maximumRecordBytes =
  fixedBytes + maximumFileIdLength + 16 + maximumBlocksPerRecord * (4 + blockBytes) + alignmentBytes;

export function recordBytes(fileId: string, checksums: number, blocks: number): number {
  return aligned(fixedBytes + fileId.length + checksums * 4) + blocks * blockBytes;
}

/** @returns the record as buffers to be written one after the other; those of the blocks are the caller's, not copies */
export function encodeRecord(record: LogRecord, place: RecordPlace): readonly Uint8Array[] {
  const headBytes = aligned(fixedBytes + record.fileId.length + record.checksums.length * 4);
  const head = Buffer.alloc(headBytes);
  const dataBytes = record.blocks.reduce((sum, block) => sum + block.length, 0);
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(headBytes, 8);
  head.writeUInt32LE(dataBytes, 12);
  head.writeDoubleLE(place.sequence, 16);
  head.writeDoubleLE(place.generation, 24);
  head.writeDoubleLE(place.durableSequence, 32);
  head.writeDoubleLE(record.localBytes, 40);
  head.writeDoubleLE(record.truncateEpoch, 48);
  head.writeDoubleLE(record.firstBlock, 56);
  head.writeUInt32LE(record.blockCount, 64);
  head.writeUInt32LE(record.striping?.stripeBytes ?? 0, 68);
  head.writeUInt32LE(record.striping?.width ?? 0, 72);
  head.writeUInt32LE(record.checksums.length, 76);
  head.writeUInt8(kinds.indexOf(record.kind), 80);
  head.writeUInt16LE(record.fileId.length, 82);
  head.write(record.fileId, fixedBytes, 'latin1');
  let at = fixedBytes + record.fileId.length;
  for (const checksum of record.checksums) at = head.writeUInt32LE(checksum, at);
  let crc = crc32c(head.subarray(8));
  for (const block of record.blocks) crc = crc32c(block, crc);
  head.writeUInt32LE(crc, 4);
  return [head, ...record.blocks];
}

/** @returns undefined when no whole record stands at `offset` */
export function decodeRecord(bytes: Buffer, offset: number): PlacedRecord | undefined {
  if (offset + fixedBytes > bytes.length || bytes.readUInt32LE(offset) !== magic) return undefined;
  const headBytes = bytes.readUInt32LE(offset + 8);
  const dataBytes = bytes.readUInt32LE(offset + 12);
  const total = headBytes + dataBytes;
  if (headBytes < fixedBytes || total > maximumRecordBytes || offset + total > bytes.length) return undefined;
  const part = bytes.subarray(offset, offset + total);
  if (part.readUInt32LE(4) !== crc32c(part.subarray(8))) return undefined;
  const idLength = part.readUInt16LE(82);
  const checksumCount = part.readUInt32LE(76);
  const kind = kinds[part.readUInt8(80)];
  const blockCount = part.readUInt32LE(64);
  const idEnd = fixedBytes + idLength;
  if (kind === undefined || headBytes !== aligned(idEnd + checksumCount * 4)) return undefined;
  const fileId = part.toString('latin1', fixedBytes, idEnd);
  const hasData = kind === 'write';
  if (parseFileId(fileId) === undefined || dataBytes !== (hasData ? blockCount * blockBytes : 0))
    return undefined;
  if (checksumCount !== (kind === 'write' || kind === 'placed' || kind === 'synced' ? blockCount : 0))
    return undefined;
  const checksums = Uint32Array.from({ length: checksumCount }, (_, index) =>
    part.readUInt32LE(idEnd + index * 4),
  );
  const stripeBytes = part.readUInt32LE(68);
  return {
    sequence: part.readDoubleLE(16),
    generation: part.readDoubleLE(24),
    durableSequence: part.readDoubleLE(32),
    bytes: total,
    record: {
      kind,
      fileId,
      localBytes: part.readDoubleLE(40),
      truncateEpoch: part.readDoubleLE(48),
      striping: stripeBytes === 0 ? undefined : { stripeBytes, width: part.readUInt32LE(72) },
      firstBlock: part.readDoubleLE(56),
      blockCount,
      checksums,
      blocks: hasData ? [part.subarray(headBytes)] : [],
    },
  };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}

export const recordAlignmentBytes = alignmentBytes;
