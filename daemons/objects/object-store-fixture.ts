/** A store of objects as most tests of it want one. */
import { silentLogger, systemClock } from '@xtreemos/base';
import { type ObjectStore, openObjectStore } from './object-store.ts';
import type { Storage } from './storage.ts';

export function openTestStore(
  storage: Storage,
  changes: { readonly reserveBytes?: number; readonly openFiles?: number } = {},
): Promise<ObjectStore> {
  return openObjectStore({
    storage,
    clock: systemClock,
    logger: silentLogger,
    logSegmentBytes: 8 << 20,
    reserveBytes: 0,
    openFiles: 100,
    unsyncedBytes: 64 << 20,
    ...changes,
  });
}
