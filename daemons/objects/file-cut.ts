import { crc32c } from '@xtreemos/native-sys';
import type { Striping } from '@xtreemos/xtreemfs';
import type { FileContext } from './file-context.ts';
import {
  blockBytes,
  blockPosition,
  blocksPerGroup,
  directoryOf,
  endPosition,
  isZero,
  nameOf,
  storedChecksum,
} from './file-layout.ts';
import { fillVerified } from './file-read.ts';
import { type LogRecord, recordBytes } from './log-record.ts';
import type { StoredFile } from './stored-file.ts';

/** Room for a record without blocks and for one with a block. */
const cutAdmissionBytes = 2 * (recordBytes('x'.repeat(85), 1, 0) + blockBytes);

/**
 * Gives the file the size and the truncate epoch; what is beyond is gone, what is new is a hole. Durable when it resolves.
 */
export async function truncateFile(
  context: FileContext,
  file: StoredFile,
  localBytes: number,
  truncateEpoch: number,
  striping: Striping,
): Promise<void> {
  const { log } = context;
  await log.admit(cutAdmissionBytes);
  let left = cutAdmissionBytes;
  const append = (record: LogRecord): number => {
    const bytes = recordBytes(file.fileId, record.checksums.length, record.blocks.length);
    left -= bytes;
    return log.append(record, bytes).sequence;
  };
  const boundary = Math.floor(localBytes / blockBytes);
  const firstGone = Math.ceil(localBytes / blockBytes);
  const release = await file.lock.acquire(boundary, Number.POSITIVE_INFINITY);
  try {
    // By another call meanwhile: what was written since must stay.
    if (truncateEpoch > 0 && file.truncateEpoch >= truncateEpoch) return;
    const cuts = localBytes < file.localBytes;
    // Before the cut: a power cut in between leaves a truncation that was not acknowledged and is asked for again. Read even
    // when no checksum says that there is content: a write that was never acknowledged may have left some.
    if (cuts && boundary < firstGone) {
      const data = Buffer.alloc(blockBytes);
      await fillVerified(file, data, boundary);
      const within = localBytes - boundary * blockBytes;
      if (!isZero(data.subarray(within))) {
        data.fill(0, within);
        const checksum = storedChecksum(crc32c(data));
        const record = stateRecord(file, 'write', boundary, 1);
        const sequence = append({ ...record, checksums: Uint32Array.of(checksum), blocks: [data] });
        file.logged.set(boundary, { data, checksum, sequence });
        file.placed.delete(boundary);
      }
    }
    file.striping ??= striping;
    file.localBytes = localBytes;
    const record = stateRecord(file, 'truncate', firstGone, cuts ? 1 : 0);
    const sequence = append({ ...record, truncateEpoch });
    file.lastSequence = sequence;
    file.headerIsDirty = true;
    if (cuts) {
      file.lastCutSequence = sequence;
      forgetBlocks(file, firstGone, Number.POSITIVE_INFINITY);
    }
    await log.durable(sequence);
    // To nothing: reserved space goes as well.
    if (cuts || localBytes === 0) await cutEnd(file, firstGone);
    // Not before it is durable: a header with the epoch of a truncation that was lost would refuse its repetition.
    file.truncateEpoch = Math.max(file.truncateEpoch, truncateEpoch);
    file.headerIsDirty = true;
  } finally {
    release();
    log.unadmit(left);
  }
}

/** Blocks become a hole; the size stays. Durable when it resolves. */
export async function punchBlocks(
  context: FileContext,
  file: StoredFile,
  firstBlock: number,
  endBlock: number,
): Promise<void> {
  if (endBlock <= firstBlock) return;
  const { log } = context;
  const bytes = recordBytes(file.fileId, 0, 0);
  await log.admit(bytes);
  let left = bytes;
  const release = await file.lock.acquire(firstBlock, endBlock);
  try {
    left = 0;
    const { sequence } = log.append(stateRecord(file, 'punch', firstBlock, endBlock - firstBlock), bytes);
    file.lastSequence = sequence;
    file.lastCutSequence = sequence;
    file.headerIsDirty = true;
    forgetBlocks(file, firstBlock, endBlock);
    await log.durable(sequence);
    await cutRange(file, firstBlock, endBlock);
  } finally {
    release();
    log.unadmit(left);
  }
}

/** Removes all of the file. Durable when it resolves. */
export async function unlinkFile(context: FileContext, file: StoredFile): Promise<void> {
  const { log } = context;
  const bytes = recordBytes(file.fileId, 0, 0);
  await log.admit(bytes);
  let left = bytes;
  const releaseState = await file.stateLock.acquire(0, 1);
  const release = await file.lock.acquire(0, Number.POSITIVE_INFINITY);
  try {
    if (!file.exists) return;
    left = 0;
    const { sequence } = log.append(stateRecord(file, 'unlink', 0, 0), bytes);
    file.lastSequence = sequence;
    file.lastCutSequence = sequence;
    file.logged.clear();
    file.placed.clear();
    file.checksums.dirty.clear();
    file.headerIsDirty = false;
    await log.durable(sequence);
    await removeFile(context, file);
  } finally {
    release();
    releaseState();
    log.unadmit(left);
  }
}

/** What the records do to the file itself; also when they are repeated after a start. */
export async function cutEnd(file: StoredFile, firstGone: number): Promise<void> {
  const end = endPosition(firstGone * blockBytes);
  const size = (await file.file?.size()) ?? 0;
  if (size > end || firstGone === 0) await file.file?.truncate(end);
  await file.checksums.forgetEnd(firstGone);
}

export async function cutRange(file: StoredFile, firstBlock: number, endBlock: number): Promise<void> {
  const size = (await file.file?.size()) ?? 0;
  for (let block = firstBlock; block < endBlock && blockPosition(block) < size; ) {
    const end = Math.min((Math.floor(block / blocksPerGroup) + 1) * blocksPerGroup, endBlock);
    await file.file?.punch(blockPosition(block), (end - block) * blockBytes);
    block = end;
  }
  await file.checksums.forgetRange(firstBlock, endBlock);
}

export async function removeFile(context: FileContext, file: StoredFile): Promise<void> {
  const open = file.file;
  await context.storage.unlink(nameOf(file.fileId));
  context.dirtyDirectories.add(directoryOf(file.fileId));
  file.reset();
  // Readers that hold it end first, and nobody has to wait for them.
  void open?.close().catch(() => undefined);
}

/** What waits to be written in the range is waited for no more. */
export function forgetBlocks(file: StoredFile, firstBlock: number, endBlock: number): void {
  for (const block of file.logged.keys())
    if (block >= firstBlock && block < endBlock) file.logged.delete(block);
  file.placed.delete(firstBlock, endBlock);
}

function stateRecord(
  file: StoredFile,
  kind: LogRecord['kind'],
  firstBlock: number,
  blockCount: number,
): LogRecord {
  const { fileId, localBytes, truncateEpoch, striping } = file;
  const none = new Uint32Array(0);
  return {
    kind,
    fileId,
    localBytes,
    truncateEpoch,
    striping,
    firstBlock,
    blockCount,
    checksums: none,
    blocks: [],
  };
}
