/** The two files of the write log: their header page, and how they are read after a start. */
import { XosError } from '@xtreemos/base';
import { crc32c } from '@xtreemos/native-sys';
import { blockBytes, isZero } from './file-layout.ts';
import { decodeRecord, type PlacedRecord, recordAlignmentBytes } from './log-record.ts';
import type { Storage, StorageFile } from './storage.ts';

export const segmentHeaderBytes = blockBytes;

export interface SegmentHeader {
  /** Counts the uses of both segments; the higher is the newer. */
  readonly generation: number;
  /** Of the first record. */
  readonly firstSequence: number;
  /** Segments of an older generation hold nothing that is still needed. */
  readonly oldestNeeded: number;
}

const magic = Buffer.from('XOSLOG1\0', 'latin1');

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const page = Buffer.alloc(segmentHeaderBytes);
  magic.copy(page);
  page.writeDoubleLE(header.generation, 12);
  page.writeDoubleLE(header.firstSequence, 20);
  page.writeDoubleLE(header.oldestNeeded, 28);
  page.writeUInt32LE(crc32c(page.subarray(12, 36)), 8);
  return page;
}

/** @returns undefined for a page of zeros. @throws XosError XOS_DATA_CORRUPT */
function decodeSegmentHeader(page: Buffer, name: string): SegmentHeader | undefined {
  if (isZero(page)) return undefined;
  // The header is smaller than a sector, so a power cut leaves it old or new.
  if (!page.subarray(0, 8).equals(magic) || page.readUInt32LE(8) !== crc32c(page.subarray(12, 36)))
    throw corrupt(name, 'its header page is neither empty nor whole');
  return {
    generation: page.readDoubleLE(12),
    firstSequence: page.readDoubleLE(20),
    oldestNeeded: page.readDoubleLE(28),
  };
}

export interface LogContent {
  /** In the order in which they were made; together they are all that files may lack. */
  readonly records: readonly PlacedRecord[];
  readonly nextSequence: number;
  readonly nextGeneration: number;
}

export const segmentNames = ['log/0', 'log/1'] as const;

/** Opens a segment, or makes one of zeros: a file whose blocks are all written needs no journal at its fdatasync. */
export async function openSegment(
  storage: Storage,
  name: string,
  segmentBytes: number,
): Promise<StorageFile> {
  const existing = await storage.open(name, false);
  const size = (await existing?.size()) ?? 0;
  if (existing !== undefined && size >= segmentBytes) return existing;
  const file = existing ?? (await storage.open(name, true));
  if (file === undefined) throw corrupt(name, 'it cannot be made');
  const zeros = Buffer.alloc(Math.min(segmentBytes, 1 << 20));
  // From its end on: one that is made larger keeps what it holds.
  for (let at = size; at < segmentBytes; at += zeros.length)
    await file.write([zeros.subarray(0, Math.min(zeros.length, segmentBytes - at))], at);
  await file.sync();
  return file;
}

/** @throws XosError XOS_DATA_CORRUPT when a record is damaged that had been acknowledged as durable */
export async function readLog(segments: readonly StorageFile[]): Promise<LogContent> {
  const used: { header: SegmentHeader; bytes: Buffer; name: string }[] = [];
  for (const [index, file] of segments.entries()) {
    const name = segmentNames[index] ?? '';
    const page = Buffer.alloc(segmentHeaderBytes);
    await file.read(page, 0);
    const header = decodeSegmentHeader(page, name);
    if (header === undefined) continue;
    const bytes = Buffer.alloc(await file.size());
    await file.read(bytes, 0);
    used.push({ header, bytes, name });
  }
  used.sort((one, other) => one.header.generation - other.header.generation);
  const newest = used.at(-1);
  const needed = used.filter(({ header }) => header.generation >= (newest?.header.oldestNeeded ?? 0));
  const records: PlacedRecord[] = [];
  let nextSequence = needed[0]?.header.firstSequence ?? 1;
  for (const { header, bytes, name } of needed) {
    // A segment is durable to its last record before the next one is begun.
    if (header.firstSequence !== nextSequence)
      throw corrupt(name, `record ${nextSequence} is missing before it`);
    const found = readSegment(bytes, header, name);
    records.push(...found);
    nextSequence += found.length;
  }
  return { records, nextSequence, nextGeneration: (newest?.header.generation ?? 0) + 1 };
}

function readSegment(bytes: Buffer, header: SegmentHeader, name: string): PlacedRecord[] {
  const records: PlacedRecord[] = [];
  let at = segmentHeaderBytes;
  for (;;) {
    const expected = header.firstSequence + records.length;
    const record = decodeRecord(bytes, at);
    if (record?.generation !== header.generation || record.sequence !== expected) {
      refuseDamage(bytes, at, header, expected, name);
      return records;
    }
    records.push(record);
    at += record.bytes;
  }
}

/**
 * The first bytes that are no record are the end of the log, or damage. It is damage when a later record knew them to be
 * durable; what a power cut left behind the end knows nothing of the kind.
 */
function refuseDamage(bytes: Buffer, from: number, header: SegmentHeader, lost: number, name: string): void {
  for (let at = from; at < bytes.length; at += recordAlignmentBytes) {
    const record = decodeRecord(bytes, at);
    if (record?.generation === header.generation && record.durableSequence >= lost)
      throw corrupt(name, `record ${lost} at byte ${from} cannot be read, and was durable`);
  }
}

function corrupt(name: string, reason: string): XosError<'XOS_DATA_CORRUPT'> {
  return new XosError('XOS_DATA_CORRUPT', { what: `The write log ${name}`, reason });
}
