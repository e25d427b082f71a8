/** After a start: what the log holds is brought to the files, and the log is empty again. */
import { crc32c } from '@xtreemos/native-sys';
import type { FileContext } from './file-context.ts';
import { cutEnd, cutRange, forgetBlocks, removeFile } from './file-cut.ts';
import { blockBytes, blockPosition, blocksPerGroup, isZero, storedChecksum } from './file-layout.ts';
import type { PlacedRecord } from './log-record.ts';
import { DamagedBlock, type StoredFile } from './stored-file.ts';

export interface RecoveryReport {
  readonly records: number;
  readonly files: number;
  /** Blocks of unacknowledged writes that were found in files. */
  readonly adoptedBlocks: number;
  /** Files whose header on disk is damaged: what the log had for them is lost with them. */
  readonly damagedFiles: readonly string[];
}

/** @param fileOf opens a file as it is on disk */
export async function repeatRecords(
  context: FileContext,
  records: readonly PlacedRecord[],
  fileOf: (fileId: string) => Promise<StoredFile>,
): Promise<RecoveryReport> {
  const files = new Map<string, StoredFile>();
  /** Placed blocks of which no record says that they are durable. */
  const unsure = new Map<StoredFile, Map<number, number>>();
  const damaged = new Set<string>();
  /** One damaged file must not keep all others from being served. */
  const opened = async (fileId: string) => {
    try {
      return await fileOf(fileId);
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error;
      damaged.add(fileId);
      return undefined;
    }
  };
  for (const placed of records) {
    const { fileId } = placed.record;
    if (damaged.has(fileId)) continue;
    const file = files.get(fileId) ?? (await opened(fileId));
    if (file === undefined) continue;
    files.set(fileId, file);
    if (placed.sequence <= file.appliedSequence) continue;
    const blocks = unsure.get(file) ?? new Map<number, number>();
    unsure.set(file, blocks);
    await repeatRecord(context, file, placed, blocks);
    file.lastSequence = placed.sequence;
  }
  for (const file of files.values()) await file.trim();
  let adoptedBlocks = 0;
  for (const [file, blocks] of unsure) adoptedBlocks += await adoptBlocks(file, blocks.keys());
  return { records: records.length, files: files.size, adoptedBlocks, damagedFiles: [...damaged] };
}

async function repeatRecord(
  context: FileContext,
  file: StoredFile,
  { record, sequence }: PlacedRecord,
  unsure: Map<number, number>,
): Promise<void> {
  const { firstBlock, blockCount, checksums } = record;
  const endBlock = firstBlock + blockCount;
  file.headerIsDirty = true;
  switch (record.kind) {
    case 'write': {
      const [data] = record.blocks;
      for (let index = 0; index < blockCount; index++) {
        const block =
          data?.subarray(index * blockBytes, (index + 1) * blockBytes) ?? new Uint8Array(blockBytes);
        file.logged.set(firstBlock + index, { data: block, checksum: checksums[index] ?? 0, sequence });
        unsure.delete(firstBlock + index);
      }
      break;
    }
    case 'placed':
      for (let index = 0; index < blockCount; index++) unsure.set(firstBlock + index, checksums[index] ?? 0);
      break;
    case 'synced':
      for (let block = firstBlock; block < endBlock; ) {
        const end = Math.min((Math.floor(block / blocksPerGroup) + 1) * blocksPerGroup, endBlock);
        const synced = checksums.subarray(block - firstBlock, end - firstBlock);
        const within = block % blocksPerGroup;
        await file.checksums.set(Math.floor(block / blocksPerGroup), (page) => page.set(synced, within));
        for (; block < end; block++) unsure.delete(block);
      }
      break;
    case 'truncate':
      if (blockCount > 0) {
        file.lastCutSequence = sequence;
        forgetBlocks(file, firstBlock, Number.POSITIVE_INFINITY);
        for (const block of unsure.keys()) if (block >= firstBlock) unsure.delete(block);
        await cutEnd(file, firstBlock);
      }
      break;
    case 'punch':
      file.lastCutSequence = sequence;
      forgetBlocks(file, firstBlock, endBlock);
      for (const block of unsure.keys()) if (block >= firstBlock && block < endBlock) unsure.delete(block);
      await cutRange(file, firstBlock, endBlock);
      break;
    case 'unlink':
      unsure.clear();
      await removeFile(context, file);
      file.lastCutSequence = sequence;
      return;
  }
  file.localBytes = record.localBytes;
  file.truncateEpoch = Math.max(file.truncateEpoch, record.truncateEpoch);
  file.striping = record.striping ?? file.striping;
}

/**
 * Blocks without a checksum that have content are of writes that were not acknowledged as durable: as they are, they become
 * the file's content, as on any file system.
 * @returns how many there were
 */
export async function adoptBlocks(file: StoredFile, blocks: Iterable<number>): Promise<number> {
  const buffer = Buffer.alloc(blockBytes);
  let adopted = 0;
  for (const block of blocks) {
    if (file.file === undefined || block * blockBytes >= file.localBytes) continue;
    if (await file.hasContent(block)) continue;
    buffer.fill(0, await file.file.read(buffer, blockPosition(block)));
    if (isZero(buffer)) continue;
    file.placed.set(block, Uint32Array.of(storedChecksum(crc32c(buffer))));
    adopted += 1;
  }
  return adopted;
}
