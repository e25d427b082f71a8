/** What changed since the base was brought up to date: in memory, in order, each key with the versions that somebody may still see. */
import sortedBtree from 'sorted-btree';
import type { ChangedEntry } from './change-record.ts';

export interface Version {
  /** Of the change that it is of. */
  readonly sequence: number;
  /** Undefined: the key is deleted. */
  readonly value: Buffer | undefined;
  older: Version | undefined;
}

/** Bounds as of `KeyRange`, in keys of one character a byte, which order as the bytes do. */
export interface TextRange {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly isBackward: boolean;
}

/** A key as `RecentChanges` has it. */
export function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

export class RecentChanges {
  readonly #versions = new sortedBtree.default<string, Version>(undefined, compare);
  /** Counts changes, so that whoever iterates over what is changed meanwhile is told. */
  #edits = 0;

  get keys(): number {
    return this.#versions.size;
  }

  /** The newest version that a change up to `sequence` made. */
  find(key: string, sequence: number): Version | undefined {
    return upTo(this.#versions.get(key), sequence);
  }

  /** @param seen all versions that somebody may look for are of this change or later ones, but for the newest before it @returns what `undo` takes */
  put(key: string, version: Omit<Version, 'older'>, seen: number): Version | undefined {
    this.#edits++;
    const before = this.#versions.get(key);
    if (before !== undefined && before.sequence <= seen) before.older = undefined;
    this.#versions.set(key, { ...version, older: before });
    return before;
  }

  undo(key: string, before: Version | undefined): void {
    this.#edits++;
    if (before === undefined) this.#versions.delete(key);
    else this.#versions.set(key, before);
  }

  /** The newest version of each key, in order. */
  *latest(): Generator<ChangedEntry> {
    for (const [key, { value }] of this.#versions.entries()) yield { key: Buffer.from(key, 'latin1'), value };
  }

  /** In order, deleted ones too. @throws Error when something is changed before it ends */
  *range({ from, to, isBackward }: TextRange, sequence: number): Generator<readonly [string, Version]> {
    const edits = this.#edits;
    const found = isBackward
      ? this.#versions.entriesReversed(to, undefined, true)
      : this.#versions.entries(from);
    for (const [key, newest] of found) {
      if (isBackward ? from !== undefined && key < from : to !== undefined && key >= to) return;
      const version = upTo(newest, sequence);
      if (version === undefined) continue;
      yield [key, version];
      if (this.#edits !== edits) throw new Error('the store was changed while it was iterated over');
    }
  }
}

function upTo(newest: Version | undefined, sequence: number): Version | undefined {
  let version = newest;
  while (version !== undefined && version.sequence > sequence) version = version.older;
  return version;
}
