/** Sets of bytes, as ordered ranges that neither touch nor overlap. */
export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** @returns the set with `added` in it */
export function withRange(ranges: readonly ByteRange[], added: ByteRange): readonly ByteRange[] {
  const last = ranges.at(-1);
  // The way of sequential writing.
  if (last === undefined || last.end < added.start) return [...ranges, added];
  const before = ranges.filter(({ end }) => end < added.start);
  const after = ranges.filter(({ start }) => start > added.end);
  const met = ranges.slice(before.length, ranges.length - after.length);
  const start = Math.min(added.start, met[0]?.start ?? added.start);
  const end = Math.max(added.end, met.at(-1)?.end ?? added.end);
  return [...before, { start, end }, ...after];
}

export function bytesOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Whether the range lies in the set as a whole. */
export function covers(ranges: readonly ByteRange[], { start, end }: ByteRange): boolean {
  return ranges.some((range) => range.start <= start && end <= range.end);
}
