import { blocksPerGroup, groupPosition } from './file-layout.ts';
import type { StorageFile } from './storage.ts';

/** Checksum pages that one file keeps in memory; each stands for 4 MiB. */
const mostCleanPages = 4096;

/**
 * The stored checksums of a file's durable blocks, 0 for none, a page for each group of blocks. What is changed in them is in force
 * at once, and on disk after the next flush.
 */
export class ChecksumPages {
  readonly #file: () => StorageFile | undefined;
  readonly #pages = new Map<number, Uint32Array>();
  /** Groups whose page is newer than on disk, and how often it was changed. */
  readonly dirty = new Map<number, number>();
  /** Counts what makes checksum pages that are being read stale. */
  #version = 0;

  /** @param file the file that the pages are in, when there is one */
  constructor(file: () => StorageFile | undefined) {
    this.#file = file;
  }

  /** A page that is in memory now. */
  known(group: number): Uint32Array | undefined {
    return this.#pages.get(group);
  }

  /** The checksums of a group. */
  async page(group: number): Promise<Uint32Array> {
    for (;;) {
      const known = this.#pages.get(group);
      if (known !== undefined) return known;
      const version = this.#version;
      const page = new Uint32Array(blocksPerGroup);
      const bytes = new Uint8Array(page.buffer);
      const file = this.#file();
      if (file !== undefined) {
        const count = await file.read(bytes, groupPosition(group));
        bytes.fill(0, count);
      }
      if (version !== this.#version || this.#pages.has(group)) continue;
      this.#evict();
      this.#pages.set(group, page);
      return page;
    }
  }

  /** Sets checksums of durable blocks: `change` looks at once which blocks still are what was written. */
  async set(group: number, change: (page: Uint32Array) => void): Promise<void> {
    change(await this.#heldPage(group));
    this.#markDirty(group);
  }

  /** After blocks were cut off the end of the file. */
  async forgetEnd(firstBlock: number): Promise<void> {
    const group = Math.floor(firstBlock / blocksPerGroup);
    const within = firstBlock % blocksPerGroup;
    if (within !== 0) await this.#clear(group, within, blocksPerGroup);
    for (const known of [...this.#pages.keys()].filter((number) => number * blocksPerGroup >= firstBlock)) {
      this.#pages.delete(known);
      this.dirty.delete(known);
    }
    // Pages that are being read may still be those from before.
    this.#version += 1;
  }

  /** After blocks became a hole. */
  async forgetRange(firstBlock: number, endBlock: number): Promise<void> {
    const physicalGroups = Math.ceil(((await this.#file()?.size()) ?? 0) / groupPosition(1));
    const known = [...this.#pages.keys()];
    const ends = known.reduce((most, group) => Math.max(most, group + 1), physicalGroups);
    const lastGroup = Math.min(Math.ceil(endBlock / blocksPerGroup), ends);
    for (let group = Math.floor(firstBlock / blocksPerGroup); group < lastGroup; group++) {
      const start = group * blocksPerGroup;
      await this.#clear(group, Math.max(firstBlock - start, 0), Math.min(endBlock - start, blocksPerGroup));
    }
  }

  async #clear(group: number, from: number, to: number): Promise<void> {
    const page = await this.#heldPage(group);
    if (page.subarray(from, to).every((checksum) => checksum === 0)) return;
    page.fill(0, from, to);
    this.#markDirty(group);
  }

  #markDirty(group: number): void {
    this.dirty.set(group, (this.dirty.get(group) ?? 0) + 1);
  }

  /** A page that was not evicted between its reading and now. */
  async #heldPage(group: number): Promise<Uint32Array> {
    let page: Uint32Array;
    do page = await this.page(group);
    while (this.#pages.get(group) !== page);
    return page;
  }

  /** After the file was removed. */
  reset(): void {
    this.#pages.clear();
    this.dirty.clear();
    this.#version += 1;
  }

  #evict(): void {
    if (this.#pages.size < mostCleanPages) return;
    for (const group of this.#pages.keys()) {
      if (this.dirty.has(group)) continue;
      this.#pages.delete(group);
      if (this.#pages.size < mostCleanPages / 2) return;
    }
  }
}
