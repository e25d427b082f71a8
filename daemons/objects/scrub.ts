/** Reads everything that is kept and compares it with its checksums, slowly: what a disk lost is known before it is needed. */
import { setTimeout as delay } from 'node:timers/promises';
import { defineEvent, type Logger, reasonOf } from '@xtreemos/base';
import { blockBytes, blocksPerGroup } from './file-layout.ts';
import { fillVerified } from './file-read.ts';
import { adoptBlocks } from './log-recovery.ts';
import type { ObjectStore } from './object-store.ts';
import { DamagedBlock, type StoredFile } from './stored-file.ts';

const events = {
  damaged: defineEvent('objects.damaged'),
  unreadable: defineEvent('objects.unreadable'),
} as const;

export interface ScrubReport {
  readonly files: number;
  readonly blocks: number;
  readonly damaged: readonly { readonly fileId: string; readonly block: number }[];
  /** Files that could not be opened or read at all. */
  readonly unreadable: readonly string[];
  /** Blocks of writes that were never acknowledged as durable, found after a power cut: they have a checksum now. */
  readonly adoptedBlocks: number;
}

export interface ScrubOptions {
  readonly store: ObjectStore;
  readonly logger: Logger;
  readonly bytesPerSecond: number;
  readonly signal: AbortSignal;
}

/** Blocks read at once; damage among them is then looked for one by one. */
const blocksTogether = 64;
/** Reported at most; a dead disk has millions. */
const mostReported = 1000;

/** One pass over all files. Ends early, with what was found so far, when the signal aborts. */
export async function scrub(options: ScrubOptions): Promise<ScrubReport> {
  const { store, logger, signal } = options;
  const damaged: { fileId: string; block: number }[] = [];
  const unreadable: string[] = [];
  const count = { files: 0, blocks: 0, adopted: 0 };
  for await (const fileId of store.fileIds()) {
    if (signal.aborted) break;
    try {
      let group = 0;
      for (let isOver = false; !isOver && !signal.aborted; group++) {
        const part = group;
        isOver = await store.withFile(fileId, (file) => scrubGroup(file, part));
      }
      count.files += 1;
    } catch (error) {
      if (signal.aborted) break;
      if (unreadable.length < mostReported) unreadable.push(fileId);
      logger.error(events.unreadable, 'A stored file cannot be read', {
        file: fileId,
        reason: reasonOf(error),
      });
    }
  }
  return { files: count.files, blocks: count.blocks, damaged, unreadable, adoptedBlocks: count.adopted };

  async function scrubGroup(file: StoredFile, group: number): Promise<boolean> {
    const endOfFile = Math.ceil(file.localBytes / blockBytes);
    const end = Math.min((group + 1) * blocksPerGroup, endOfFile);
    const without: number[] = [];
    for (let first = group * blocksPerGroup; first < end && !signal.aborted; first += blocksTogether) {
      const length = Math.min(blocksTogether, end - first);
      await checkBlocks(file, first, length);
      for (let block = first; block < first + length; block++)
        if (!(await file.hasContent(block))) without.push(block);
      count.blocks += length;
      await delay(((length * blockBytes) / options.bytesPerSecond) * 1000, undefined, { signal }).catch(
        () => undefined,
      );
    }
    const release = await file.lock.acquire(group * blocksPerGroup, (group + 1) * blocksPerGroup);
    try {
      count.adopted += await adoptBlocks(file, without);
    } finally {
      release();
    }
    return end >= endOfFile;
  }

  async function checkBlocks(file: StoredFile, first: number, length: number): Promise<void> {
    const release = await file.lock.acquire(first, first + length);
    try {
      const buffer = Buffer.allocUnsafe(length * blockBytes);
      if ((await file.fill(buffer, first)) === undefined) return;
      for (let block = first; block < first + length; block++) {
        try {
          await fillVerified(file, buffer.subarray(0, blockBytes), block);
        } catch (error) {
          if (!(error instanceof DamagedBlock)) throw error;
          if (damaged.length < mostReported) damaged.push({ fileId: file.fileId, block });
          logger.error(events.damaged, 'A block on disk is damaged', { file: file.fileId, block });
        }
      }
    } finally {
      release();
    }
  }
}
