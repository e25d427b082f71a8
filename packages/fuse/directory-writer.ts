import type { EntryReply } from './attributes.ts';
import { putEntry, putU64 } from './encoding.ts';
import { entryBytes } from './protocol.ts';

export interface DirectoryEntry {
  readonly name: Buffer;
  readonly ino: number | bigint;
  /** st_mode of the entry; its type counts. */
  readonly mode: number;
  /** The `offset` that a later call gets to go on behind this entry; above 0. */
  readonly nextOffset: number;
}

/** Fills a reply of readdir with entries until the kernel's buffer is full. */
export interface DirectoryWriter {
  /** True for readdirplus: entries may be added with what a lookup would tell. */
  readonly plus: boolean;
  /** @returns false when there is no room: the entry was not taken, and the listing goes on from it in another call. */
  add(entry: DirectoryEntry): boolean;
  /** An entry as if it had been looked up (it counts as a lookup). Not for "." and ".."; only where `plus`. */
  addLookedUp(entry: DirectoryEntry, found: EntryReply): boolean;
}

const entryHeadBytes = 24;

export class DirectoryFill implements DirectoryWriter {
  readonly plus: boolean;
  /** Nodes that were given out. */
  readonly lookedUp: number[] = [];
  readonly #words: Uint32Array;
  readonly #bytes: Buffer;
  #length = 0;

  constructor(bytes: number, plus: boolean) {
    const memory = new ArrayBuffer(bytes & ~7);
    this.#words = new Uint32Array(memory);
    this.#bytes = Buffer.from(memory);
    this.plus = plus;
  }

  get filled(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  add(entry: DirectoryEntry): boolean {
    return this.#add(entry, undefined);
  }

  addLookedUp(entry: DirectoryEntry, found: EntryReply): boolean {
    if (!this.plus) return this.#add(entry, undefined);
    if (!this.#add(entry, found)) return false;
    this.lookedUp.push(found.node);
    return true;
  }

  #add(entry: DirectoryEntry, found: EntryReply | undefined): boolean {
    const headBytes = (this.plus ? entryBytes : 0) + entryHeadBytes;
    const size = (headBytes + entry.name.length + 7) & ~7;
    if (this.#length + size > this.#bytes.length) return false;
    let index = this.#length / 4;
    if (this.plus) {
      // Node 0: nothing is told of it.
      if (found !== undefined) putEntry(this.#words, index, found);
      index += entryBytes / 4;
    }
    putU64(this.#words, index, entry.ino);
    putU64(this.#words, index + 2, entry.nextOffset);
    this.#words[index + 4] = entry.name.length;
    this.#words[index + 5] = (entry.mode >> 12) & 0xf;
    entry.name.copy(this.#bytes, this.#length + headBytes);
    this.#length += size;
    return true;
  }
}
