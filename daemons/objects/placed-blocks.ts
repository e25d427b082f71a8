import { blocksPerGroup } from './file-layout.ts';

/** Stored checksums of a group's blocks, 0 for none. */
interface Group {
  readonly checksums: Uint32Array;
  count: number;
}

/**
 * Stored checksums of blocks that were written to a file and are not durable there. By groups: a large file has a
 * hundred thousand of them when it is synced.
 */
export class PlacedBlocks {
  readonly #groups = new Map<number, Group>();
  #size = 0;

  /** How many. */
  get size(): number {
    return this.#size;
  }

  get(block: number): number | undefined {
    const checksum = this.#groups.get(Math.floor(block / blocksPerGroup))?.checksums[block % blocksPerGroup];
    return checksum === 0 ? undefined : checksum;
  }

  has(block: number): boolean {
    return this.get(block) !== undefined;
  }

  /** Blocks in a row, all of one group. */
  set(firstBlock: number, checksums: Uint32Array): void {
    const number = Math.floor(firstBlock / blocksPerGroup);
    let group = this.#groups.get(number);
    if (group === undefined) {
      group = { checksums: new Uint32Array(blocksPerGroup), count: 0 };
      this.#groups.set(number, group);
    }
    const within = firstBlock % blocksPerGroup;
    const before = countOf(group.checksums.subarray(within, within + checksums.length));
    group.checksums.set(checksums, within);
    this.#count(number, group, countOf(checksums) - before);
  }

  delete(firstBlock: number, endBlock = firstBlock + 1): void {
    const first = Math.floor(firstBlock / blocksPerGroup);
    const isOfOne = endBlock <= (first + 1) * blocksPerGroup;
    for (const number of isOfOne ? [first] : this.#groups.keys()) {
      const group = this.#groups.get(number);
      const start = number * blocksPerGroup;
      const from = Math.max(firstBlock - start, 0);
      const to = Math.min(endBlock - start, blocksPerGroup);
      if (group === undefined || from >= to) continue;
      const count = countOf(group.checksums.subarray(from, to));
      group.checksums.fill(0, from, to);
      this.#count(number, group, -count);
    }
  }

  clear(): void {
    this.#groups.clear();
    this.#size = 0;
  }

  /** As they are now, by group. */
  copy(): Map<number, Uint32Array> {
    return new Map(Array.from(this.#groups, ([number, { checksums }]) => [number, checksums.slice()]));
  }

  /** Leaves of `checksums` of a group those that blocks still have. @returns whether there are any */
  retain(number: number, checksums: Uint32Array): boolean {
    const own = this.#groups.get(number)?.checksums;
    let areAny = false;
    for (let index = 0; index < blocksPerGroup; index++) {
      if (own?.[index] !== checksums[index]) checksums[index] = 0;
      else if (checksums[index] !== 0) areAny = true;
    }
    return areAny;
  }

  /** Those of `checksums` that blocks still have go to the group's page of durable ones. */
  move(number: number, checksums: Uint32Array, page: Uint32Array): void {
    const group = this.#groups.get(number);
    if (group === undefined) return;
    let moved = 0;
    for (let index = 0; index < blocksPerGroup; index++) {
      const checksum = checksums[index] ?? 0;
      if (checksum === 0 || group.checksums[index] !== checksum) continue;
      page[index] = checksum;
      group.checksums[index] = 0;
      moved += 1;
    }
    this.#count(number, group, -moved);
  }

  #count(number: number, group: Group, more: number): void {
    group.count += more;
    this.#size += more;
    if (group.count === 0) this.#groups.delete(number);
  }
}

function countOf(checksums: Uint32Array): number {
  let count = 0;
  for (const checksum of checksums) if (checksum !== 0) count += 1;
  return count;
}

/** Where there are checksums in a row, at most `most`: beginning and end of each. */
export function* rowsOf(checksums: Uint32Array, most: number): Iterable<readonly [number, number]> {
  for (let from = 0; from < checksums.length; ) {
    let to = from;
    while (to < checksums.length && to - from < most && checksums[to] !== 0) to += 1;
    if (to > from) yield [from, to];
    from = Math.max(to, from + 1);
  }
}
