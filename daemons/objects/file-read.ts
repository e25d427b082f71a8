import { blockBytes } from './file-layout.ts';
import { DamagedBlock, type StoredFile } from './stored-file.ts';

/**
 * Bytes of a file, holes as zeros; fewer where it ends. Verified against their checksums.
 * @param take gives memory; when all of it was asked for, the very buffer is returned
 * @throws DamagedBlock (EIO), never wrong bytes
 */
export async function readFile(
  file: StoredFile,
  offset: number,
  length: number,
  take: (bytes: number) => Buffer = Buffer.allocUnsafeSlow,
): Promise<Buffer> {
  const bytes = Math.min(length, file.localBytes - offset);
  if (bytes <= 0) return Buffer.alloc(0);
  const firstBlock = Math.floor(offset / blockBytes);
  const endBlock = Math.ceil((offset + bytes) / blockBytes);
  const buffer = take((endBlock - firstBlock) * blockBytes);
  // Without a lock, for readers are many; what looks damaged may be a write under way, so it is read again with one.
  if ((await file.fill(buffer, firstBlock)) !== undefined)
    await fillLocked(file, buffer, firstBlock, endBlock);
  const start = offset - firstBlock * blockBytes;
  return bytes === buffer.length ? buffer : buffer.subarray(start, start + bytes);
}

async function fillLocked(
  file: StoredFile,
  buffer: Uint8Array,
  firstBlock: number,
  endBlock: number,
): Promise<void> {
  const release = await file.lock.acquire(firstBlock, endBlock);
  try {
    await fillVerified(file, buffer, firstBlock);
  } finally {
    release();
  }
}

/** For callers that hold the lock. @throws DamagedBlock */
export async function fillVerified(file: StoredFile, buffer: Uint8Array, firstBlock: number): Promise<void> {
  let damaged = await file.fill(buffer, firstBlock);
  // A checksum page may be evicted while the blocks are read: once more tells that apart from damage.
  if (damaged !== undefined) damaged = await file.fill(buffer, firstBlock);
  if (damaged !== undefined) throw new DamagedBlock(file.fileId, damaged);
}

/**
 * The next byte from `offset` on that is data, or in a hole (the end of the file is one); by blocks.
 * @returns undefined when there is none before `limit`
 */
export async function seekFile(
  file: StoredFile,
  offset: number,
  limit: number,
  wanted: 'data' | 'hole',
): Promise<number | undefined> {
  const end = Math.min(limit, file.localBytes);
  for (let at = offset; at < end; ) {
    const block = Math.floor(at / blockBytes);
    if ((await file.hasContent(block)) === (wanted === 'data')) return at;
    at = (block + 1) * blockBytes;
  }
  return wanted === 'hole' && end < limit ? Math.max(offset, end) : undefined;
}
