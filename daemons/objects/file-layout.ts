/**
 * How a stored file lies on disk. All objects that this OSD has of a file are in one file, side by side: a header page, then
 * groups of 1024 blocks, each behind a page that holds the CRC-32C of its blocks. One descriptor, one fdatasync and one
 * directory entry serve a whole file, and checksums lie where the data is (docs/decisions/objects-on-disk.md).
 */
import { createHash } from 'node:crypto';
import { crc32c } from '@xtreemos/native-sys';
import { maximumFileIdLength, parseFileId, type Striping } from '@xtreemos/xtreemfs';

export const blockBytes = 4096;
export const blocksPerGroup = 1024;
const groupBytes = blockBytes * (1 + blocksPerGroup);

/** ext4 ends at 16 TiB; half of that leaves room for what else a file system may need. */
export const maximumLocalBytes = 8 * 2 ** 40;

/** Where the checksum page of a group lies. */
export function groupPosition(group: number): number {
  return blockBytes + group * groupBytes;
}

export function blockPosition(block: number): number {
  const group = Math.floor(block / blocksPerGroup);
  return groupPosition(group) + blockBytes * (1 + (block % blocksPerGroup));
}

/** Where the file may end when it has that many bytes, rounded up to whole blocks. */
export function endPosition(localBytes: number): number {
  const block = Math.ceil(localBytes / blockBytes);
  const isGroupStart = block % blocksPerGroup === 0;
  return isGroupStart ? groupPosition(block / blocksPerGroup) : blockPosition(block);
}

/** How many blocks lie on the first so many pages of the file. */
export function blocksBefore(pages: number): number {
  const behindHeader = Math.max(pages - 1, 0);
  const within = behindHeader % (1 + blocksPerGroup);
  return Math.floor(behindHeader / (1 + blocksPerGroup)) * blocksPerGroup + Math.max(within - 1, 0);
}

/** What stands in the header page. */
export interface FileHeader {
  readonly fileId: string;
  /** Log records of the file up to this one are in it and must not be repeated. */
  readonly appliedSequence: number;
  /** Bytes of the file kept here, holes counted. */
  readonly localBytes: number;
  readonly truncateEpoch: number;
  /** Undefined until the first write. */
  readonly striping: Striping | undefined;
}

const magic = Buffer.from('XOSOBJ1\0', 'latin1');
/** Below a sector: a power cut leaves the old header or the new. */
const headerBytes = 8 + 4 + 8 * 3 + 4 * 2 + 2 + maximumFileIdLength;

export function encodeHeader(header: FileHeader): Buffer {
  const page = Buffer.alloc(blockBytes);
  magic.copy(page);
  page.writeDoubleLE(header.appliedSequence, 12);
  page.writeDoubleLE(header.localBytes, 20);
  page.writeDoubleLE(header.truncateEpoch, 28);
  page.writeUInt32LE(header.striping?.stripeBytes ?? 0, 36);
  page.writeUInt32LE(header.striping?.width ?? 0, 40);
  page.writeUInt16LE(header.fileId.length, 44);
  page.write(header.fileId, 46, 'latin1');
  page.writeUInt32LE(crc32c(page.subarray(12, headerBytes)), 8);
  return page;
}

/** @returns `blank` for a page of zeros (a file whose making a power cut undid), `damaged` for anything else that is no header */
export function decodeHeader(page: Uint8Array): FileHeader | 'blank' | 'damaged' {
  const bytes = Buffer.from(page.buffer, page.byteOffset, page.length);
  if (bytes.length < headerBytes || isZero(bytes)) return isZero(bytes) ? 'blank' : 'damaged';
  if (
    !bytes.subarray(0, 8).equals(magic) ||
    bytes.readUInt32LE(8) !== crc32c(bytes.subarray(12, headerBytes))
  )
    return 'damaged';
  const length = bytes.readUInt16LE(44);
  const fileId = bytes.toString('latin1', 46, 46 + Math.min(length, maximumFileIdLength));
  if (parseFileId(fileId) === undefined) return 'damaged';
  const stripeBytes = bytes.readUInt32LE(36);
  return {
    fileId,
    appliedSequence: bytes.readDoubleLE(12),
    localBytes: bytes.readDoubleLE(20),
    truncateEpoch: bytes.readDoubleLE(28),
    striping: stripeBytes === 0 ? undefined : { stripeBytes, width: bytes.readUInt32LE(40) },
  };
}

const zeros = Buffer.alloc(blockBytes);

export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const part = bytes.subarray(at, at + blockBytes);
    if (Buffer.compare(part, part.length === blockBytes ? zeros : zeros.subarray(0, part.length)) !== 0)
      return false;
  }
  return true;
}

/**
 * The checksum of a block as it is stored: 0 stands for "none", so a block whose CRC is 0 is stored as another number. Two of
 * 2^32 values then mean the same.
 */
export function storedChecksum(checksum: number): number {
  return checksum === 0 ? 0xffff_ffff : checksum;
}

export const directories: readonly string[] = Array.from(
  { length: 256 },
  (_, index) => `objects/${index.toString(16).padStart(2, '0')}`,
);

/** 256 directories: ten million files make 39,000 in each, which ext4's and XFS's trees find in one or two reads. */
export function directoryOf(fileId: string): string {
  const byte = createHash('sha256').update(fileId).digest()[0] ?? 0;
  return directories[byte] ?? '';
}

/** A file id has letters, digits, '-' and one ':' alone (parseFileId), and is a file name as it stands. */
export function nameOf(fileId: string): string {
  return `${directoryOf(fileId)}/${fileId}`;
}
