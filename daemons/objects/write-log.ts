/**
 * The write log: small writes, overwrites and all changes of what is there go through it. One sequential file and one
 * fdatasync serve all files and all who wait, and what a file holds is never overwritten in place before the log has it.
 */
import { encodeRecord, type LogRecord, recordBytes } from './log-record.ts';
import { encodeSegmentHeader, segmentHeaderBytes } from './log-segment.ts';
import type { StorageFile } from './storage.ts';
import { createSyncWaiters } from './sync-waiters.ts';

export interface WriteLogOptions {
  readonly segments: readonly [StorageFile, StorageFile];
  readonly segmentBytes: number;
  readonly firstSequence: number;
  readonly firstGeneration: number;
  /** A segment is full: what its files lack has to be written to them; then `release` makes it usable again. */
  readonly onFull: (segment: FullSegment) => void;
  /** The disk refused a write or fdatasync of the log. */
  readonly onFailure: () => void;
}

export interface FullSegment {
  readonly fileIds: ReadonlySet<string>;
  release(): void;
}

export interface Appended {
  readonly sequence: number;
  /** The record is in the kernel's hands: it survives the end of this process, not a power cut. */
  readonly written: Promise<void>;
}

export interface WriteLog {
  /** Waits until records of that many bytes fit. Each admission is used up by `append` or given back by `unadmit`. */
  admit(bytes: number): Promise<void>;
  unadmit(bytes: number): void;
  /** At once, so that the order of records is the order of calls. @param admitted bytes that were admitted for it */
  append(record: LogRecord, admitted: number): Appended;
  /** Resolves when all records up to `sequence` are durable; many who wait share an fdatasync. */
  durable(sequence: number): Promise<void>;
  readonly lastSequence: number;
  readonly durableSequence: number;
  readonly syncCount: number;
  /** Of the segments in use: the space that their blocks may still need in files. */
  readonly pendingBytes: number;
  /** Lets the active segment be flushed, when the other is free: for an orderly end. */
  rotate(): void;
  /** Once nothing is appended any more: the next start finds nothing to repeat, when all segments were released. */
  conclude(): Promise<void>;
  /** Set after the disk refused a write or fdatasync of the log: nothing can be promised any more. */
  readonly failure: Error | undefined;
}

interface Segment {
  readonly file: StorageFile;
  generation: number;
  offset: number;
  isFree: boolean;
  /** Its header of this generation is durable. */
  isBegun: boolean;
  firstSequence: number;
  fileIds: Set<string>;
}

interface Queued {
  readonly segment: Segment;
  readonly position: number;
  readonly buffers: readonly Uint8Array[];
  readonly sequence: number;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/** Of a segment, kept for records that let segments be released. */
const reservedShare = 8;
const mostBatchBytes = 4 << 20;

export async function startWriteLog(options: WriteLogOptions): Promise<WriteLog> {
  const { segmentBytes } = options;
  const [first, second] = options.segments.map(
    (file): Segment => ({
      file,
      generation: 0,
      offset: segmentHeaderBytes,
      isFree: true,
      isBegun: false,
      firstSequence: 0,
      fileIds: new Set(),
    }),
  ) as [Segment, Segment];
  const reserve = Math.floor(segmentBytes / reservedShare);
  let nextGeneration = options.firstGeneration;
  let nextSequence = options.firstSequence;
  let writtenSequence = nextSequence - 1;
  let durableSequence = nextSequence - 1;
  let admitted = 0;
  let syncCount = 0;
  let failure: Error | undefined;
  let isPumping = false;
  let isSyncing = false;
  let queue: Queued[] = [];
  let roomWaiters: (() => void)[] = [];
  const syncWaiters = createSyncWaiters();
  let active = first;

  function claim(segment: Segment): void {
    segment.isFree = false;
    segment.isBegun = false;
    segment.generation = nextGeneration++;
    segment.firstSequence = nextSequence;
    segment.offset = segmentHeaderBytes;
    segment.fileIds = new Set();
  }

  async function begin(segment: Segment): Promise<void> {
    const other = segment === first ? second : first;
    // The older segment is durable to its end first, so that records are lost from the end of the log alone.
    if (other.isBegun && !other.isFree) await other.file.sync();
    const oldestNeeded = other.isFree || !other.isBegun ? segment.generation : other.generation;
    const { generation, firstSequence } = segment;
    await segment.file.write([encodeSegmentHeader({ generation, firstSequence, oldestNeeded })], 0);
    await segment.file.sync();
    segment.isBegun = true;
  }

  function fail(error: unknown): void {
    failure ??= error instanceof Error ? error : new Error(String(error));
    options.onFailure();
    const reason = failure;
    for (const item of queue) item.failed(reason);
    queue = [];
    syncWaiters.fail(reason);
    wakeRoom();
  }

  function wakeRoom(): void {
    const waiting = roomWaiters;
    roomWaiters = [];
    for (const wake of waiting) wake();
  }

  async function pump(): Promise<void> {
    if (isPumping) return;
    isPumping = true;
    try {
      while (queue.length > 0 && failure === undefined) {
        const batch = takeBatch();
        const [head] = batch;
        if (head === undefined) break;
        try {
          if (!head.segment.isBegun) await begin(head.segment);
          await head.segment.file.write(
            batch.flatMap(({ buffers }) => buffers),
            head.position,
          );
        } catch (error) {
          for (const item of batch) item.failed(error as Error);
          fail(error);
          return;
        }
        writtenSequence = batch.at(-1)?.sequence ?? writtenSequence;
        for (const item of batch) item.done();
        void syncLoop();
      }
    } finally {
      isPumping = false;
    }
  }

  /** What stands side by side in one segment. */
  function takeBatch(): Queued[] {
    const segment = queue[0]?.segment;
    let bytes = 0;
    let count = 0;
    for (const item of queue) {
      if (item.segment !== segment || (count > 0 && bytes > mostBatchBytes)) break;
      for (const buffer of item.buffers) bytes += buffer.length;
      count += 1;
    }
    return queue.splice(0, count);
  }

  async function syncLoop(): Promise<void> {
    if (isSyncing) return;
    isSyncing = true;
    try {
      while (failure === undefined && syncWaiters.isWanted(durableSequence, writtenSequence)) {
        const target = writtenSequence;
        // Both, in their order: the older one may have records that `begin` of the newer did not cover yet.
        const begun = [first, second]
          .filter((segment) => segment.isBegun && !segment.isFree)
          .sort((one, other) => one.generation - other.generation);
        for (const segment of begun) if (needsSync(segment)) await segment.file.sync();
        syncCount += 1;
        durableSequence = Math.max(durableSequence, target);
        syncWaiters.settle(durableSequence);
      }
    } catch (error) {
      // After a failed fdatasync the kernel may take the pages for clean: nothing may be acknowledged by another try.
      fail(error);
    } finally {
      isSyncing = false;
    }
  }

  /** An older segment was synced when the newer one was begun. */
  function needsSync(segment: Segment): boolean {
    const other = segment === first ? second : first;
    return !(other.isBegun && other.generation > segment.generation);
  }

  function turnOver(): boolean {
    const other = active === first ? second : first;
    if (!other.isFree) return false;
    const full = active;
    claim(other);
    active = other;
    options.onFull({
      fileIds: full.fileIds,
      release() {
        full.isFree = true;
        full.isBegun = false;
        wakeRoom();
      },
    });
    return true;
  }

  const room = () => segmentBytes - reserve - active.offset - admitted;

  claim(active);
  await begin(active);
  return {
    async admit(bytes) {
      while (room() < bytes) {
        if (failure !== undefined) throw failure;
        // With too much admitted a fresh segment has no room either: turning over again and again would flush for nothing, for ever.
        const isRoomInFresh = segmentBytes - reserve - segmentHeaderBytes - admitted >= bytes;
        if (isRoomInFresh && turnOver()) continue;
        await new Promise<void>((resolve) => {
          roomWaiters.push(resolve);
        });
      }
      if (failure !== undefined) throw failure;
      admitted += bytes;
    },
    unadmit(bytes) {
      admitted -= bytes;
      wakeRoom();
    },
    append(record, admittedBytes) {
      admitted -= admittedBytes;
      if (failure !== undefined) throw failure;
      const bytes = recordBytes(
        record.fileId,
        record.checksums.length,
        record.blocks.length === 0 ? 0 : record.blockCount,
      );
      if (active.offset + bytes > segmentBytes && !turnOver())
        throw Object.assign(new Error('the write log is full'), { code: 'ENOSPC' });
      const sequence = nextSequence++;
      const { generation, offset: position } = active;
      const buffers = encodeRecord(record, { sequence, generation, durableSequence });
      active.offset += bytes;
      active.fileIds.add(record.fileId);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      // Who appends may wait for durability alone; a failure is told there as well.
      promise.catch(() => undefined);
      queue.push({ segment: active, position, buffers, sequence, done: resolve, failed: reject });
      void pump();
      return { sequence, written: promise };
    },
    durable(sequence) {
      if (sequence <= durableSequence) return Promise.resolve();
      if (failure !== undefined) return Promise.reject(failure);
      const waiting = syncWaiters.wait(sequence);
      void syncLoop();
      return waiting;
    },
    get lastSequence() {
      return nextSequence - 1;
    },
    get durableSequence() {
      return durableSequence;
    },
    get syncCount() {
      return syncCount;
    },
    get pendingBytes() {
      return [first, second].reduce((sum, { isFree, offset }) => sum + (isFree ? 0 : offset), 0);
    },
    rotate() {
      if (active.fileIds.size > 0) turnOver();
    },
    async conclude() {
      if (failure === undefined && !active.isBegun) await begin(active);
    },
    get failure() {
      return failure;
    },
  };
}
