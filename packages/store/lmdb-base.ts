/** LMDB beneath the log: what was brought there, in one file that no crash harms. */
import { type Database, open, type RootDatabase } from 'lmdb';
import type { ChangedEntry } from './change-record.ts';
import type { StoreBase } from './logged-store.ts';
import type { KeyRange, StoreEntry } from './store.ts';

const binary = { encoding: 'binary', keyEncoding: 'binary', cache: false } as const;
const inBaseKey = Buffer.from('inBase');

export class LmdbBase implements StoreBase {
  readonly #root: RootDatabase<Buffer, Uint8Array>;
  readonly #entries: Database<Buffer, Uint8Array>;
  readonly #state: Database<Buffer, Uint8Array>;

  /** @throws Error of LMDB or the system */
  constructor(directory: string) {
    this.#root = open({
      path: directory,
      ...binary,
      // A commit resolves when it is synced, not when it is visible.
      overlappingSync: false,
      noMemInit: false,
    });
    this.#entries = this.#root.openDB({ name: 'entries', ...binary });
    this.#state = this.#root.openDB({ name: 'state', ...binary });
  }

  get inBase(): number {
    return Number(this.#state.get(inBaseKey)?.readBigUInt64BE() ?? 0n);
  }

  get(key: Uint8Array): Buffer | undefined {
    return this.#entries.get(key);
  }

  *range({ from, to, isBackward = false }: KeyRange): Generator<StoreEntry> {
    // LMDB's backward ranges take the first bound in and leave the last out; ours are the same set either way.
    const bounds = isBackward
      ? {
          ...(to === undefined ? {} : { start: to }),
          ...(from === undefined ? {} : { end: from }),
          reverse: true,
        }
      : { ...(from === undefined ? {} : { start: from }), ...(to === undefined ? {} : { end: to }) };
    for (const { key, value } of this.#entries.getRange(bounds)) {
      if (isBackward && to !== undefined && Buffer.compare(key, to) >= 0) continue;
      yield { key: Buffer.from(key), value };
    }
    if (isBackward && from !== undefined) {
      const value = this.#entries.get(from);
      if (value !== undefined && (to === undefined || Buffer.compare(from, to) < 0))
        yield { key: Buffer.from(from), value };
    }
  }

  async apply(changed: Iterable<ChangedEntry>, inBase?: number): Promise<void> {
    const entries = this.#entries;
    await this.#root.transaction(() => {
      for (const { key, value } of changed)
        if (value === undefined) entries.removeSync(key);
        else entries.putSync(key, value);
      if (inBase === undefined) return;
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(inBase));
      this.#state.putSync(inBaseKey, bytes);
    });
    entries.resetReadTxn();
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}
