/** One range of what is recent and of the base beneath it. */
import type { StoreBase } from './logged-store.ts';
import { type RecentChanges, textOf, type Version } from './recent-changes.ts';
import type { KeyRange, StoreEntry } from './store.ts';

type Changed = readonly [key: string, version: Version];

/** @param recent newest first; each hides what is beneath it @param sequence the newest change that is seen */
export function* mergedRange(
  recent: readonly RecentChanges[],
  base: StoreBase,
  range: KeyRange,
  sequence: number,
): Generator<StoreEntry> {
  const { limit = Number.POSITIVE_INFINITY, isBackward = false } = range;
  if (limit <= 0) return;
  const text = {
    from: range.from && textOf(range.from),
    to: range.to && textOf(range.to),
    isBackward,
  };
  const changed = recent
    .map((changes) => changes.range(text, sequence))
    .reduce((newer, older) => mergedChanges(newer, older, isBackward));
  let left = limit;
  for (const entry of merged(changed, base.range(range), isBackward)) {
    yield entry;
    if (--left === 0) return;
  }
}

function isBefore(one: string, other: string, isBackward: boolean): boolean {
  return isBackward ? one > other : one < other;
}

function* mergedChanges(
  newer: Iterator<Changed>,
  older: Iterator<Changed>,
  isBackward: boolean,
): Generator<Changed> {
  let above = newer.next();
  let below = older.next();
  while (above.done !== true || below.done !== true) {
    if (
      above.done === true ||
      (below.done !== true && isBefore(below.value[0], above.value[0], isBackward))
    ) {
      if (below.done !== true) yield below.value;
      below = older.next();
      continue;
    }
    if (below.done !== true && below.value[0] === above.value[0]) below = older.next();
    yield above.value;
    above = newer.next();
  }
}

function* merged(
  changed: Iterator<Changed>,
  base: Iterable<StoreEntry>,
  isBackward: boolean,
): Generator<StoreEntry> {
  let above = changed.next();
  for (const entry of base) {
    // Most ranges have nothing that is recent, or nothing any more.
    if (above.done !== true) {
      const key = textOf(entry.key);
      while (above.done !== true && isBefore(above.value[0], key, isBackward)) {
        yield* entryOf(above.value);
        above = changed.next();
      }
      if (above.done !== true && above.value[0] === key) continue;
    }
    yield entry;
  }
  for (; above.done !== true; above = changed.next()) yield* entryOf(above.value);
}

function* entryOf([key, { value }]: Changed): Generator<StoreEntry> {
  if (value !== undefined) yield { key: Buffer.from(key, 'latin1'), value: Buffer.from(value) };
}
