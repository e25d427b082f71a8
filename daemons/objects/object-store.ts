/** The storage engine: objects of files beneath a directory. Offsets here count the bytes that this OSD has of a file. */
import type { Clock, Logger } from '@xtreemos/base';
import { BufferPool, type Striping } from '@xtreemos/xtreemfs';
import { allocatedBytes } from './allocated-bytes.ts';
import type { FileContext } from './file-context.ts';
import { punchBlocks, truncateFile, unlinkFile } from './file-cut.ts';
import { flushFile, syncFile } from './file-flush.ts';
import {
  blockBytes,
  blockPosition,
  blocksPerGroup,
  directories,
  directoryOf,
  maximumLocalBytes,
} from './file-layout.ts';
import { readFile, seekFile } from './file-read.ts';
import { writeFile } from './file-write.ts';
import { createFreeSpace } from './free-space.ts';
import { createLogFlusher } from './log-flusher.ts';
import { type RecoveryReport, repeatRecords } from './log-recovery.ts';
import { type LogContent, openSegment, readLog, segmentNames } from './log-segment.ts';
import { createOpenFiles, type OpenFiles } from './open-files.ts';
import { openStartNumber } from './start-number.ts';
import type { Storage } from './storage.ts';
import type { StoredFile } from './stored-file.ts';
import { startWriteLog, type WriteLog } from './write-log.ts';

export interface ObjectStoreOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of each of the two segments of the write log. */
  readonly logSegmentBytes: number;
  /** Free space that is never used for data. */
  readonly reserveBytes: number;
  readonly openFiles: number;
  /** Bytes placed in files and not durable, above which they are made so in the background. */
  readonly unsyncedBytes: number;
  readonly leastPlacedBlocks?: number;
  readonly mostBlocksPerRecord?: number;
}

export interface FileState {
  readonly exists: boolean;
  readonly localBytes: number;
  readonly truncateEpoch: number;
  readonly striping: Striping | undefined;
}

export interface StoreFigures {
  readonly openFiles: number;
  readonly loggedBytes: number;
  readonly placedBytes: number;
  readonly logSyncs: number;
}

/** Failures are system errors with a `code`: EIO for a damaged block, ENOSPC, EFBIG. */
export interface ObjectStore {
  readonly recovery: RecoveryReport;
  readonly figures: StoreFigures;
  /** Another one than at the last start when what was answered without a sync may have been lost since. Never 0. */
  readonly startNumber: bigint;
  /** Set when the disk refused a write of the log, or a sync of a file that it holds data of: the process should end, and the next one repeat the log. */
  readonly failure: Error | undefined;
  state(fileId: string): Promise<FileState>;
  /** Fewer bytes only where what is kept here ends. */
  read(fileId: string, offset: number, length: number): Promise<Buffer>;
  /** What `read` gave is not looked at any more: its memory may be used again. */
  readDone(data: Buffer): void;
  /** Memory for data to be written: the engine uses it again. */
  memory(bytes: number): Buffer;
  /** The data are the engine's from here on. */
  write(
    fileId: string,
    offset: number,
    data: Uint8Array,
    options: { readonly striping: Striping; readonly durable?: boolean },
  ): Promise<FileState>;
  /** What was written to the file before is durable when it resolves. */
  sync(fileId: string): Promise<void>;
  truncate(fileId: string, localBytes: number, epoch: number, striping: Striping): Promise<FileState>;
  /** Zeros in a range, as a hole where whole blocks are; the size stays. */
  zero(fileId: string, offset: number, length: number, striping: Striping): Promise<void>;
  /** Space beneath a range, so that writing there does not find the disk full. */
  reserve(fileId: string, offset: number, length: number): Promise<void>;
  /** Of the disk, by blocks. Fails with EOPNOTSUPP where the file system cannot tell. */
  allocatedBytes(fileId: string): Promise<number>;
  seek(fileId: string, offset: number, limit: number, wanted: 'data' | 'hole'): Promise<number | undefined>;
  unlink(fileId: string): Promise<void>;
  fileIds(): AsyncIterable<string>;
  /** Of one of `directories`. */
  fileIdsIn(directory: string): Promise<readonly string[]>;
  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
  /** For what looks at files as they are kept. */
  withFile<Result>(fileId: string, work: (file: StoredFile) => Promise<Result>): Promise<Result>;
  /** Everything durable in its file, the log empty. */
  close(): Promise<void>;
}

const readBuffersBytes = 16 << 20;

/** @throws XosError XOS_DATA_CORRUPT when the log is damaged where it was durable */
export async function openObjectStore(options: ObjectStoreOptions): Promise<ObjectStore> {
  const { storage, clock, logger, logSegmentBytes } = options;
  await storage.makeDirectory('log');
  for (const directory of directories) await storage.makeDirectory(directory);
  await storage.syncDirectory('objects');
  const segments = [
    await openSegment(storage, segmentNames[0], logSegmentBytes),
    await openSegment(storage, segmentNames[1], logSegmentBytes),
  ] as const;
  const start = await openStartNumber(storage);
  await storage.syncDirectory('log');
  const buffers = new BufferPool(readBuffersBytes);
  const files = createOpenFiles(storage, options.openFiles);
  const space = createFreeSpace(storage, {
    reserveBytes: options.reserveBytes,
    pendingBytes: () => context.log.pendingBytes,
    monotonicMs: () => clock.monotonicMs(),
  });
  const shared = {
    storage,
    space,
    start,
    leastPlacedBlocks: options.leastPlacedBlocks ?? 16,
    mostBlocksPerRecord: options.mostBlocksPerRecord ?? 256,
    dirtyDirectories: new Set<string>(),
  };
  const content = await readLog(segments);
  const recovery = await recover({ ...shared, log: doneLog(content) }, files, content);
  const flusher = createLogFlusher(
    () => context,
    files,
    logger,
    Math.ceil(options.unsyncedBytes / blockBytes),
  );
  const log = await startWriteLog({
    segments,
    segmentBytes: logSegmentBytes,
    firstSequence: content.nextSequence,
    firstGeneration: content.nextGeneration,
    onFull: flusher.flushSegment,
    onFailure: () => void start.doubt().catch(() => undefined),
  });
  const context: FileContext = { ...shared, log };
  const failure = () => log.failure ?? flusher.failure;

  async function fileIdsIn(directory: string): Promise<readonly string[]> {
    const unwritten = files.unclean().filter(({ exists }) => exists);
    const names = new Set(await storage.list(directory));
    for (const { fileId } of unwritten) if (directoryOf(fileId) === directory) names.add(fileId);
    return [...names];
  }

  return {
    recovery,
    startNumber: start.value,
    get figures() {
      return {
        openFiles: files.size,
        loggedBytes: files.loggedBlocks() * blockBytes,
        placedBytes: files.placedBlocks() * blockBytes,
        logSyncs: log.syncCount,
      };
    },
    get failure() {
      return failure();
    },
    withFile: (fileId, work) => files.use(fileId, work),
    state: (fileId) => files.use(fileId, async (file) => stateOf(file)),
    read: (fileId, offset, length) =>
      files.use(fileId, (file) => readFile(file, offset, length, (bytes) => buffers.take(bytes))),
    readDone: (data) => buffers.give(data),
    memory: (bytes) => buffers.take(bytes),
    write: (fileId, offset, data, { striping, durable = false }) =>
      files.use(fileId, async (file) => {
        requireRange(offset, data.length);
        if (data.length === 0) return stateOf(file);
        const outcome = await writeFile(context, file, offset, data, striping);
        if (!outcome.isKept) buffers.give(data);
        if (outcome.hasPlaced) flusher.placed(Math.ceil(data.length / blockBytes));
        if (durable && outcome.hasPlaced) await syncFile(context, file);
        else if (durable) await log.durable(outcome.sequence);
        return stateOf(file);
      }),
    sync: (fileId) => files.use(fileId, (file) => syncFile(context, file)),
    truncate: (fileId, localBytes, epoch, striping) =>
      files.use(fileId, async (file) => {
        requireRange(0, localBytes);
        await truncateFile(context, file, localBytes, epoch, striping);
        return stateOf(file);
      }),
    zero: (fileId, offset, length, striping) =>
      files.use(fileId, (file) => zeroRange(context, file, offset, length, striping)),
    reserve: (fileId, offset, length) =>
      files.use(fileId, async (file) => {
        requireRange(offset, length);
        await space.require(length);
        const target = await file.made();
        const end = Math.ceil((offset + length) / blockBytes);
        for (let block = Math.floor(offset / blockBytes); block < end; ) {
          const until = Math.min((Math.floor(block / blocksPerGroup) + 1) * blocksPerGroup, end);
          await target.reserve(blockPosition(block), (until - block) * blockBytes);
          block = until;
        }
      }),
    allocatedBytes: (fileId) => files.use(fileId, allocatedBytes),
    seek: (fileId, offset, limit, wanted) =>
      files.use(fileId, (file) => seekFile(file, offset, limit, wanted)),
    unlink: (fileId) => files.use(fileId, (file) => unlinkFile(context, file)),
    async *fileIds() {
      for (const directory of directories) yield* await fileIdsIn(directory);
    },
    fileIdsIn,
    async space() {
      const [freeBytes, { totalBytes }] = [await space.freeBytes(), await storage.space()];
      return { freeBytes, totalBytes };
    },
    async close() {
      // Flushing one segment may add a few records to the other.
      for (let turns = 0; turns < 4 && failure() === undefined; turns++) {
        log.rotate();
        await flusher.stop();
      }
      await flusher.stop();
      await log.conclude();
      await start.close(failure() === undefined && files.unclean().length === 0);
      await files.closeAll();
      for (const segment of segments) await segment.close();
    },
  };
}

function stateOf(file: StoredFile): FileState {
  const { exists, localBytes, truncateEpoch, striping } = file;
  return { exists, localBytes, truncateEpoch, striping };
}

function requireRange(offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0)
    throw Object.assign(new Error('no range of a file'), { code: 'EINVAL' });
  if (offset + length > maximumLocalBytes)
    throw Object.assign(new Error('larger than files can be here'), { code: 'EFBIG' });
}

async function zeroRange(
  context: FileContext,
  file: StoredFile,
  offset: number,
  length: number,
  striping: Striping,
): Promise<void> {
  requireRange(offset, length);
  const end = Math.min(offset + length, file.localBytes);
  if (end <= offset) return;
  const firstWhole = Math.ceil(offset / blockBytes);
  // Behind the end of the file a block is zeros anyway.
  const endWhole = end === file.localBytes ? Math.ceil(end / blockBytes) : Math.floor(end / blockBytes);
  const head = Math.min(firstWhole * blockBytes, end);
  if (head > offset) await writeFile(context, file, offset, new Uint8Array(head - offset), striping);
  await punchBlocks(context, file, firstWhole, endWhole);
  const tail = Math.max(endWhole * blockBytes, head);
  if (tail < end) await writeFile(context, file, tail, new Uint8Array(end - tail), striping);
  await context.log.durable(file.lastSequence);
}

/** Brings what the log holds to the files; a crash meanwhile finds the same log again. */
async function recover(context: FileContext, files: OpenFiles, content: LogContent): Promise<RecoveryReport> {
  files.holdAll(true);
  const report = await repeatRecords(context, content.records, (fileId) =>
    files.use(fileId, async (file) => file),
  );
  for (const file of files.unclean()) await flushFile(context, file);
  for (const directory of context.dirtyDirectories) await context.storage.syncDirectory(directory);
  context.dirtyDirectories.clear();
  files.holdAll(false);
  return report;
}

/** Stands for the log while it is read: all that it holds is durable, and nothing is added. */
function doneLog({ nextSequence }: LogContent): WriteLog {
  const lastSequence = nextSequence - 1;
  return {
    admit: async () => undefined,
    unadmit: () => undefined,
    append: () => ({ sequence: lastSequence, written: Promise.resolve() }),
    durable: async () => undefined,
    lastSequence,
    durableSequence: lastSequence,
    syncCount: 0,
    pendingBytes: 0,
    rotate: () => undefined,
    conclude: async () => undefined,
    failure: undefined,
  };
}
