import { createHash } from 'node:crypto';

/** Inclusive bounds of ids that this host may hand out. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

/** Says whether an id must be passed over: assigned, tombstoned, or known to another name service. */
export type IdTaken = (id: number) => boolean;

/** How many neighbours are tried before the range counts as full; at half load the chance to need 64 is below 1e-19. */
const MAXIMUM_PROBES = 4096;

/** First choice for a user; the same on every host, so that hosts usually agree though nothing relies on it. */
export function preferredUid(range: IdRange, vo: string, user: string): number {
  return preferredId(range, `uid\0${vo}\0${user}`);
}

/** First choice for a VO group; `path` is the group below the VO, `group/subgroup`, or `members`. */
export function preferredGid(range: IdRange, vo: string, path: string): number {
  return preferredId(range, `gid\0${vo}\0${path}`);
}

/**
 * The first id from `preferred` on, wrapping at the end of the range, that is not taken.
 * @returns undefined when the neighbourhood is full
 */
export function firstFreeId(range: IdRange, preferred: number, taken: IdTaken): number | undefined {
  const size = range.last - range.first + 1;
  for (let probe = 0; probe < Math.min(size, MAXIMUM_PROBES); probe++) {
    const id = range.first + ((preferred - range.first + probe) % size);
    if (!taken(id)) return id;
  }
  return undefined;
}

function preferredId(range: IdRange, text: string): number {
  const hash = createHash('sha256').update(text, 'utf8').digest().readUInt32BE(0);
  return range.first + (hash % (range.last - range.first + 1));
}
