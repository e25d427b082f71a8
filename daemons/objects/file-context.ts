import type { FreeSpace } from './free-space.ts';
import type { StartNumber } from './start-number.ts';
import type { Storage } from './storage.ts';
import type { WriteLog } from './write-log.ts';

/** What the operations on a file share. */
export interface FileContext {
  readonly storage: Storage;
  readonly log: WriteLog;
  readonly space: FreeSpace;
  readonly start: StartNumber;
  /** Blocks in a row that are placed in the file at once rather than logged first; smaller writes are cheaper in the log. */
  readonly leastPlacedBlocks: number;
  readonly mostBlocksPerRecord: number;
  /** Directories whose entries changed and are not durable. */
  readonly dirtyDirectories: Set<string>;
}
