import { crc32cBlocks } from '@xtreemos/native-sys';
import type { Striping } from '@xtreemos/xtreemfs';
import type { FileContext } from './file-context.ts';
import { settleFile } from './file-flush.ts';
import { blockBytes, blockPosition, blocksPerGroup, storedChecksum } from './file-layout.ts';
import { fillVerified } from './file-read.ts';
import { type LogRecord, recordBytes } from './log-record.ts';
import type { StoredFile } from './stored-file.ts';

interface Run {
  readonly first: number;
  readonly end: number;
  readonly isPlaced: boolean;
}

/** What a write left behind. */
export interface WriteOutcome {
  /** Some of it lies in the file and in no log: making it durable needs an fdatasync of the file. */
  readonly hasPlaced: boolean;
  /** The log keeps parts of the data for now. */
  readonly isKept: boolean;
  /** Its last record. */
  readonly sequence: number;
}

/**
 * Writes bytes at `offset`. When it resolves they survive the end of this process; a power cut, after a sync.
 *
 * Blocks that never had content are placed in the file when there are many, and their checksums count once they are durable.
 * All others go to the log as whole blocks, so that a power cut leaves the old block or the new one, whichever state the file
 * itself was caught in.
 */
export async function writeFile(
  context: FileContext,
  file: StoredFile,
  offset: number,
  data: Uint8Array,
  striping: Striping,
): Promise<WriteOutcome> {
  const first = Math.floor(offset / blockBytes);
  const end = Math.ceil((offset + data.length) / blockBytes);
  await context.space.require((end - first) * blockBytes);
  if (end - first >= context.leastPlacedBlocks && file.lastCutSequence > file.appliedSequence)
    await settleFile(context, file);
  const admitted = admissionBytes(context, file.fileId, end - first);
  await context.log.admit(admitted);
  let left = admitted;
  const release = await file.lock.acquire(first, end);
  try {
    const written: Promise<void>[] = [];
    let hasPlaced = false;
    let isKept = false;
    for (const run of await planRuns(context, file, offset, data.length)) {
      const blocks = await blocksOf(file, run, offset, data);
      const checksums = checksumsOf(blocks, run.end - run.first);
      if (run.isPlaced) {
        await place(file, run, blocks);
        hasPlaced = true;
      } else isKept = true;
      file.striping ??= striping;
      const fileEnd = Math.min(run.end * blockBytes, offset + data.length);
      file.localBytes = Math.max(file.localBytes, fileEnd);
      const record: LogRecord = {
        kind: run.isPlaced ? 'placed' : 'write',
        fileId: file.fileId,
        localBytes: file.localBytes,
        truncateEpoch: file.truncateEpoch,
        striping: file.striping,
        firstBlock: run.first,
        blockCount: run.end - run.first,
        checksums,
        blocks: run.isPlaced ? [] : blocks,
      };
      const bytes = recordBytes(file.fileId, checksums.length, run.isPlaced ? 0 : record.blockCount);
      left -= bytes;
      const appended = context.log.append(record, bytes);
      written.push(appended.written);
      file.lastSequence = appended.sequence;
      file.headerIsDirty = true;
      remember(file, run, blocks, checksums, appended.sequence);
    }
    const sequence = file.lastSequence;
    release();
    await Promise.all(written);
    return { hasPlaced, isKept, sequence };
  } finally {
    release();
    context.log.unadmit(left);
  }
}

/** Of the worst case: all of it in the log, cut into small runs. */
function admissionBytes(context: FileContext, fileId: string, blocks: number): number {
  const records = Math.ceil(blocks / Math.min(context.leastPlacedBlocks, context.mostBlocksPerRecord)) + 3;
  return recordBytes(fileId, blocks, blocks) + records * recordBytes(fileId, 0, 0);
}

/** Cuts the range into what is placed and what is logged; neither crosses a group or is larger than a record. */
async function planRuns(
  context: FileContext,
  file: StoredFile,
  offset: number,
  length: number,
): Promise<readonly Run[]> {
  const first = Math.floor(offset / blockBytes);
  const end = Math.ceil((offset + length) / blockBytes);
  const wholeFirst = Math.ceil(offset / blockBytes);
  const wholeEnd = Math.floor((offset + length) / blockBytes);
  const mayPlace =
    wholeEnd - wholeFirst >= context.leastPlacedBlocks && file.lastCutSequence <= file.appliedSequence;
  // Without a wait between the blocks of one group: there are hundreds to ask about.
  const isNew = (block: number) => {
    if (!mayPlace || block < wholeFirst || block >= wholeEnd) return false;
    const hasContent = file.hasKnownContent(block);
    return hasContent === undefined ? file.hasContent(block).then((has) => !has) : !hasContent;
  };
  const runs: Run[] = [];
  for (let block = first; block < end; ) {
    const isPlaced = await isNew(block);
    const boundary = Math.min(
      end,
      (Math.floor(block / blocksPerGroup) + 1) * blocksPerGroup,
      block + context.mostBlocksPerRecord,
    );
    let until = block + 1;
    for (; until < boundary; until += 1) {
      const isAlso = isNew(until);
      if ((typeof isAlso === 'boolean' ? isAlso : await isAlso) !== isPlaced) break;
    }
    runs.push({ first: block, end: until, isPlaced: isPlaced && until - block >= context.leastPlacedBlocks });
    block = until;
  }
  return runs;
}

/** Whole blocks: slices of `data`, and where it covers a block in part, a copy with what was there. */
async function blocksOf(
  file: StoredFile,
  run: Run,
  offset: number,
  data: Uint8Array,
): Promise<readonly Uint8Array[]> {
  const blocks: Uint8Array[] = [];
  const dataEnd = offset + data.length;
  let wholeFrom = run.first;
  if (run.first * blockBytes < offset || (run.first + 1) * blockBytes > dataEnd) {
    blocks.push(await mergedBlock(file, run.first, offset, data));
    wholeFrom += 1;
  }
  const endsInside = run.end * blockBytes > dataEnd && run.end - 1 >= wholeFrom;
  const wholeEnd = endsInside ? run.end - 1 : run.end;
  if (wholeEnd > wholeFrom) {
    const whole = data.subarray(wholeFrom * blockBytes - offset, wholeEnd * blockBytes - offset);
    // Logged blocks stay in memory a while: not a large frame for the sake of a small part of it.
    const isSmallPart = !run.isPlaced && whole.length * 2 < whole.buffer.byteLength;
    blocks.push(isSmallPart ? Uint8Array.from(whole) : whole);
  }
  if (endsInside) blocks.push(await mergedBlock(file, run.end - 1, offset, data));
  return blocks;
}

async function mergedBlock(
  file: StoredFile,
  block: number,
  offset: number,
  data: Uint8Array,
): Promise<Uint8Array> {
  const merged = Buffer.alloc(blockBytes);
  const start = block * blockBytes;
  if (start < file.localBytes) await fillVerified(file, merged, block);
  const from = Math.max(offset, start);
  const to = Math.min(offset + data.length, start + blockBytes);
  merged.set(data.subarray(from - offset, to - offset), from - start);
  return merged;
}

function checksumsOf(blocks: readonly Uint8Array[], count: number): Uint32Array {
  const checksums = new Uint32Array(count);
  let at = 0;
  for (const part of blocks) {
    crc32cBlocks(part, blockBytes, checksums.subarray(at));
    at += part.length / blockBytes;
  }
  for (let index = 0; index < count; index++) checksums[index] = storedChecksum(checksums[index] ?? 0);
  return checksums;
}

async function place(file: StoredFile, run: Run, blocks: readonly Uint8Array[]): Promise<void> {
  const target = await file.made();
  await target.write(blocks, blockPosition(run.first));
}

function remember(
  file: StoredFile,
  run: Run,
  blocks: readonly Uint8Array[],
  checksums: Uint32Array,
  sequence: number,
): void {
  if (run.isPlaced) {
    file.placed.set(run.first, checksums);
    return;
  }
  let block = run.first;
  for (const part of blocks) {
    for (let at = 0; at < part.length; at += blockBytes, block++) {
      const checksum = checksums[block - run.first] ?? 0;
      file.logged.set(block, { data: part.subarray(at, at + blockBytes), checksum, sequence });
    }
  }
  file.placed.delete(run.first, run.end);
}
