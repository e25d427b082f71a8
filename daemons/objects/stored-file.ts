import { crc32cBlocks } from '@xtreemos/native-sys';
import type { Striping } from '@xtreemos/xtreemfs';
import { ChecksumPages } from './checksum-pages.ts';
import {
  blockBytes,
  blockPosition,
  blocksPerGroup,
  decodeHeader,
  encodeHeader,
  endPosition,
  isZero,
  nameOf,
  storedChecksum,
} from './file-layout.ts';
import { PlacedBlocks } from './placed-blocks.ts';
import { createRangeLock } from './range-lock.ts';
import type { Storage, StorageFile } from './storage.ts';

/** A block whose newest content the log holds and the file may not. */
export interface LoggedBlock {
  readonly data: Uint8Array;
  readonly checksum: number;
  readonly sequence: number;
}

/** The blocks of a file are damaged on disk. */
export class DamagedBlock extends Error {
  readonly code = 'EIO';
  readonly fileId: string;
  readonly block: number;
  constructor(fileId: string, block: number) {
    super(`block ${block} of file ${fileId} does not have the checksum that was stored with it`);
    this.fileId = fileId;
    this.block = block;
  }
}

/**
 * What is known of one file. Where the content of a block is found, in this order: `logged`; the file, with the checksum in
 * `placed` (written there, not yet durable); the file, with the checksum of its page; a hole.
 */
export class StoredFile {
  readonly fileId: string;
  readonly lock = createRangeLock();
  /** Held while the header and checksum pages are written: an older header must not land on a newer one. */
  readonly stateLock = createRangeLock();
  readonly logged = new Map<number, LoggedBlock>();
  readonly placed = new PlacedBlocks();
  /** Checksums of durable blocks. */
  readonly checksums = new ChecksumPages(() => this.file);
  localBytes = 0;
  truncateEpoch = 0;
  striping: Striping | undefined;
  appliedSequence = 0;
  /** Of the last record that took blocks away. Until the file's header says that it is applied, new blocks go through the log. */
  lastCutSequence = 0;
  lastSequence = 0;
  headerIsDirty = false;
  entryIsDirty = false;
  /** An fdatasync failed: what was written to the file before it may be lost, whatever a later one says. */
  failure: Error | undefined;
  file: StorageFile | undefined;
  /** The fdatasync that runs, and the one that all who came since wait for. */
  runningSync: Promise<void> | undefined;
  nextSync: Promise<void> | undefined;
  readonly #storage: Storage;
  #making: Promise<StorageFile> | undefined;

  constructor(storage: Storage, fileId: string) {
    this.#storage = storage;
    this.fileId = fileId;
  }

  /** Whether there is anything of this file. */
  get exists(): boolean {
    return this.file !== undefined || this.logged.size > 0 || this.localBytes > 0 || this.truncateEpoch > 0;
  }

  /** Nothing would be lost by forgetting what is in memory. */
  get isClean(): boolean {
    return (
      this.logged.size === 0 &&
      this.placed.size === 0 &&
      this.checksums.dirty.size === 0 &&
      !this.headerIsDirty &&
      !this.entryIsDirty &&
      this.failure === undefined &&
      this.lock.isIdle &&
      this.stateLock.isIdle
    );
  }

  /** Opens the file, when there is one, and reads its header. */
  async open(): Promise<void> {
    this.file = await this.#storage.open(nameOf(this.fileId), false);
    if (this.file === undefined) return;
    const page = Buffer.alloc(blockBytes);
    await this.file.read(page, 0);
    const header = decodeHeader(page);
    if (header === 'blank') return;
    if (header === 'damaged' || header.fileId !== this.fileId) throw new DamagedBlock(this.fileId, -1);
    this.localBytes = header.localBytes;
    this.truncateEpoch = header.truncateEpoch;
    this.striping = header.striping;
    this.appliedSequence = header.appliedSequence;
    this.lastCutSequence = header.appliedSequence;
  }

  /**
   * Cuts off what a power cut left behind the end, of writes that were never acknowledged. It is durable afterwards: else
   * the next power cut brings it back, beneath a file that has grown.
   */
  async trim(): Promise<void> {
    const { file, localBytes } = this;
    const within = localBytes % blockBytes;
    const last = Math.floor(localBytes / blockBytes);
    const size = (await file?.size()) ?? 0;
    if (file === undefined || size <= blockPosition(last)) return;
    const end = endPosition(localBytes);
    if (size > end) await file.truncate(end);
    const tail = Buffer.alloc(blockBytes - within);
    let isChanged = size > end;
    // A block with a checksum has zeros there.
    if (within > 0 && !(await this.hasContent(last))) {
      const position = blockPosition(last) + within;
      const count = await file.read(tail, position);
      if (!isZero(tail.subarray(0, count))) {
        await file.write([Buffer.alloc(count)], position);
        isChanged = true;
      }
    }
    if (isChanged) await file.sync();
  }

  /** The file itself, made when it is not there. */
  async made(): Promise<StorageFile> {
    if (this.file !== undefined) return this.file;
    this.#making ??= (async () => {
      const file = await this.#storage.open(nameOf(this.fileId), true);
      if (file === undefined) throw Object.assign(new Error('the file was not made'), { code: 'EIO' });
      await file.write([this.header()], 0);
      this.entryIsDirty = true;
      this.headerIsDirty = true;
      this.file = file;
      return file;
    })().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  header(): Buffer {
    const { fileId, appliedSequence, localBytes, truncateEpoch, striping } = this;
    return encodeHeader({ fileId, appliedSequence, localBytes, truncateEpoch, striping });
  }

  /** After the file was removed. */
  reset(): void {
    this.file = undefined;
    this.logged.clear();
    this.placed.clear();
    this.checksums.reset();
    this.localBytes = 0;
    this.truncateEpoch = 0;
    this.striping = undefined;
    this.appliedSequence = 0;
    this.headerIsDirty = false;
    this.entryIsDirty = false;
    this.failure = undefined;
  }

  /** Whether a block has content, known without reading it. */
  async hasContent(block: number): Promise<boolean> {
    const known = this.hasKnownContent(block);
    if (known !== undefined) return known;
    const page = await this.checksums.page(Math.floor(block / blocksPerGroup));
    return page[block % blocksPerGroup] !== 0;
  }

  /** The same at once; undefined when the block's page is not in memory. */
  hasKnownContent(block: number): boolean | undefined {
    if (this.logged.has(block) || this.placed.has(block)) return true;
    const page = this.checksums.known(Math.floor(block / blocksPerGroup));
    return page === undefined ? undefined : page[block % blocksPerGroup] !== 0;
  }

  /**
   * Fills `buffer` with whole blocks from `firstBlock` on. @returns the first block that does not have its checksum; while a
   * write is under way, that may be its half-way state: ask again under the lock before believing it.
   */
  async fill(buffer: Uint8Array, firstBlock: number): Promise<number | undefined> {
    const count = buffer.length / blockBytes;
    const { file } = this;
    const allLogged = this.#isAllLogged(firstBlock, count);
    if (file === undefined || allLogged) buffer.fill(0);
    else {
      for (let block = firstBlock; block < firstBlock + count; ) {
        const group = Math.floor(block / blocksPerGroup);
        const end = Math.min((group + 1) * blocksPerGroup, firstBlock + count);
        await this.checksums.page(group);
        const part = buffer.subarray((block - firstBlock) * blockBytes, (end - firstBlock) * blockBytes);
        part.fill(0, await file.read(part, blockPosition(block)));
        block = end;
      }
    }
    // From here to the end nothing else runs in between.
    const checksums = new Uint32Array(count);
    if (file !== undefined && !allLogged) crc32cBlocks(buffer, blockBytes, checksums);
    let damaged: number | undefined;
    for (let index = 0; index < count; index++) {
      const block = firstBlock + index;
      const logged = this.logged.get(block);
      if (logged !== undefined) {
        buffer.set(logged.data, index * blockBytes);
        continue;
      }
      if (file === undefined) continue;
      const page = this.checksums.known(Math.floor(block / blocksPerGroup));
      const expected = this.placed.get(block) ?? page?.[block % blocksPerGroup];
      // Without its page, which was evicted meanwhile, nothing is believed.
      if (expected === undefined || (expected !== 0 && expected !== storedChecksum(checksums[index] ?? 0)))
        damaged ??= block;
    }
    return damaged;
  }

  #isAllLogged(firstBlock: number, count: number): boolean {
    if (this.logged.size < count) return false;
    for (let block = firstBlock; block < firstBlock + count; block++)
      if (!this.logged.has(block)) return false;
    return true;
  }
}
