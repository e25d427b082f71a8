/**
 * What the engine asks of a file system, so that tests can put one beneath it that loses unsynced writes, runs full or
 * flips bits. Names are relative, `/` between directories. Failures are system errors with a `code`.
 */
export interface Storage {
  /** Another one whenever what was not synced before may be gone, as after a power cut. */
  readonly boot: string;
  /** @returns undefined when there is no such file and none is to be made */
  open(name: string, create: boolean): Promise<StorageFile | undefined>;
  /** Nothing happens when there is none. Open descriptors stay usable. */
  unlink(name: string): Promise<void>;
  makeDirectory(name: string): Promise<void>;
  /** Names of the files in it. */
  list(directory: string): Promise<readonly string[]>;
  /** Afterwards what was made and unlinked in it is durable. */
  syncDirectory(name: string): Promise<void>;
  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
}

/** Of a file, in bytes. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

export interface StorageFile {
  /** Fills the buffer from `position` on; fewer bytes only at the end of the file. @returns how many */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all of them, one after the other, from `position` on. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** Makes a hole; the size stays. */
  punch(position: number, length: number): Promise<void>;
  /** Space beneath the range; content and size stay. */
  reserve(position: number, length: number): Promise<void>;
  size(): Promise<number>;
  /** What has space, in order, not all at once; none when there is no more from `from` on. Fails with EOPNOTSUPP where nobody knows. */
  extents(from: number): Promise<readonly Extent[]>;
  /** fdatasync: content and size are durable when it resolves. */
  sync(): Promise<void>;
  /** Once what was asked before is done. */
  close(): Promise<void>;
}
