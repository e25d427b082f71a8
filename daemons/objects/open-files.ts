import type { Storage } from './storage.ts';
import { StoredFile } from './stored-file.ts';

/** The files that are known in memory, few enough for the descriptors that a process may have. */
export interface OpenFiles {
  /** Does work with the file; it stays known meanwhile. */
  use<Result>(fileId: string, work: (file: StoredFile) => Promise<Result>): Promise<Result>;
  /** Those that hold blocks or state that are not durable in the file. */
  unclean(): StoredFile[];
  loggedBlocks(): number;
  placedBlocks(): number;
  readonly size: number;
  /** Forgets a file that was just flushed, when more are known than should be. */
  release(fileId: string): void;
  /** While true, none is forgotten. */
  holdAll(hold: boolean): void;
  closeAll(): Promise<void>;
}

interface Entry {
  readonly file: StoredFile;
  readonly opened: Promise<void>;
  users: number;
}

export function createOpenFiles(storage: Storage, capacity: number): OpenFiles {
  /** Least recently used first. */
  const entries = new Map<string, Entry>();
  let isHolding = false;
  const sum = (sizeOf: (file: StoredFile) => number) => {
    let total = 0;
    for (const { file } of entries.values()) total += sizeOf(file);
    return total;
  };

  function add(fileId: string): Entry {
    const file = new StoredFile(storage, fileId);
    // While the log is read, headers are older than files, and nothing can be told to be beyond the end.
    const opened = file.open().then(() => (isHolding ? undefined : file.trim()));
    const entry = { file, opened, users: 0 };
    entries.set(fileId, entry);
    return entry;
  }

  function forget(fileId: string, { file, users }: Entry): boolean {
    if (isHolding || users > 0 || !file.isClean) return false;
    entries.delete(fileId);
    void file.file?.close().catch(() => undefined);
    return true;
  }

  function evict(): void {
    let left = entries.size - capacity;
    for (const [fileId, entry] of entries) {
      if (left <= 0) return;
      if (forget(fileId, entry)) left -= 1;
    }
  }

  return {
    async use(fileId, work) {
      const known = entries.get(fileId);
      const entry = known ?? add(fileId);
      entry.users += 1;
      if (known !== undefined) {
        entries.delete(fileId);
        entries.set(fileId, known);
      } else if (entries.size > capacity) evict();
      try {
        await entry.opened;
        return await work(entry.file);
      } catch (error) {
        // Not kept: the next one tries to open it anew.
        if (!(await succeeded(entry.opened)) && entries.get(fileId) === entry) entries.delete(fileId);
        throw error;
      } finally {
        entry.users -= 1;
      }
    },
    unclean: () => [...entries.values()].map(({ file }) => file).filter((file) => !file.isClean),
    loggedBlocks: () => sum(({ logged }) => logged.size),
    placedBlocks: () => sum(({ placed }) => placed.size),
    get size() {
      return entries.size;
    },
    release(fileId) {
      const entry = entries.get(fileId);
      if (entry !== undefined && entries.size > capacity) forget(fileId, entry);
    },
    holdAll(hold) {
      isHolding = hold;
      if (!hold) evict();
    },
    async closeAll() {
      for (const { file } of entries.values()) await file.file?.close();
      entries.clear();
    },
  };
}

function succeeded(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
