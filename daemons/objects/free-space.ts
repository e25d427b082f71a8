import type { Storage } from './storage.ts';

/** Refuses writes before the disk is full: what the log acknowledged must find room in its file. */
export interface FreeSpace {
  /** @throws a system error ENOSPC when fewer than that would be left beside the reserve */
  require(bytes: number): Promise<void>;
  /** Bytes taken by what is in the log alone, found by asking at each look. */
  freeBytes(): Promise<number>;
}

const lookAgainMs = 200;

export function createFreeSpace(
  storage: Storage,
  options: {
    readonly reserveBytes: number;
    /** Bytes of blocks that are in the log and not in their files. */
    readonly pendingBytes: () => number;
    readonly monotonicMs: () => number;
  },
): FreeSpace {
  let knownBytes = -1;
  let knownMs = Number.NEGATIVE_INFINITY;
  /** Admitted since the last look; the kernel may have counted some of it already. */
  let since = 0;

  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    const { freeBytes } = await storage.space();
    knownBytes = freeBytes;
    knownMs = options.monotonicMs();
    since = 0;
  }

  /** Writes come many at a time: one look is for all of them. */
  function lookTogether(): Promise<void> {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  const left = () => knownBytes - since - options.pendingBytes() - options.reserveBytes;
  return {
    async require(bytes) {
      if (options.monotonicMs() - knownMs > lookAgainMs) await lookTogether();
      // By a look of its own: one that began earlier may not see what was removed meanwhile.
      if (left() < bytes) await look();
      if (left() < bytes) throw Object.assign(new Error('no space left for objects'), { code: 'ENOSPC' });
      since += bytes;
    },
    async freeBytes() {
      await look();
      return Math.max(left(), 0);
    },
  };
}
