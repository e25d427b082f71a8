/** An ordered key-value store whose acknowledged writes are on disk: docs/decisions/store.md. */
export { openStore, type StoreOptions } from './logged-store.ts';
export {
  afterPrefix,
  type KeyRange,
  maximumKeyBytes,
  type Store,
  type StoreEntry,
  type StoreReader,
  type StoreWriter,
} from './store.ts';
