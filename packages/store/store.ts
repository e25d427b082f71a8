/** Keys and values are bytes. Keys order as memcmp(3) does, a prefix before what it begins; at most `maximumKeyBytes`. */
export interface StoreReader {
  /** A copy that nobody else holds; undefined when there is none. */
  get(key: Uint8Array): Buffer | undefined;
  /** Entries in order, as they are when the iteration begins. */
  range(range?: KeyRange): Iterable<StoreEntry>;
}

export interface StoreWriter extends StoreReader {
  put(key: Uint8Array, value: Uint8Array): void;
  /** @returns false when there was none */
  delete(key: Uint8Array): boolean;
}

export interface StoreEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface KeyRange {
  /** The first key; default: the first there is. */
  readonly from?: Uint8Array;
  /** Ends the range and is not in it; default: none. */
  readonly to?: Uint8Array;
  /** From the last key to the first. */
  readonly isBackward?: boolean;
  readonly limit?: number;
}

/** An ordered store of one process. Reads see what was committed last; a write that has resolved is seen by every later read. */
export interface Store extends StoreReader {
  /**
   * Runs `change` with a view that sees its own writes; all of them happen or, when it throws, none. Changes run one after the
   * other in the order they came; those that come while a commit is under way share the next one. Resolves when the commit is on
   * disk: no power cut takes it away.
   * `change` is synchronous, and its writer is of no use afterwards.
   * @throws what `change` throws; XosError XOS_STORAGE_FULL or XOS_STORAGE_FAILED when it cannot be committed, whereupon nothing was changed
   */
  write<Value>(change: (writer: StoreWriter) => Value): Promise<Value>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

/** LMDB takes more; a store behind the same interface need not. */
export const maximumKeyBytes = 1024;

/** The first key that does not begin with the prefix: what ends the range of all that do. Undefined when there is none. */
export function afterPrefix(prefix: Uint8Array): Buffer | undefined {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] ?? 0;
    if (byte === 0xff) continue;
    end[at] = byte + 1;
    return end.subarray(0, at + 1);
  }
  return undefined;
}
