/** Layout of the NSS map file, all numbers little-endian; docs/module-protocol.md draws it. nss/map-format.h is the C side's copy. */
export const mapMagic = 'XOSNSSMP';
export const mapVersion = 1;
export const headerBytes = 128;
export const headerOffset = {
  version: 8,
  headerBytes: 12,
  fileBytes: 16,
  flags: 24,
  generation: 32,
  hashKey: 40,
  indexes: 48,
  passwdRegion: 80,
  groupRegion: 88,
  passwdCount: 96,
  groupCount: 100,
  crc: 124,
} as const;
export const flagEnumerate = 1;

/** One cache line: seven pairs of hash and record offset, a word of meta, the CRC of all that. */
export const bucketBytes = 64;
export const bucketEntries = 7;
export const bucketMetaOffset = 56;
export const bucketCrcOffset = 60;
/** In meta: an entry that belongs here went on to the next bucket. Low bits: the number of entries. */
export const bucketOverflow = 0x80000000;

export const recordAlignment = 8;
export const recordHeadBytes = 32;
export const kindPasswd = 1;
export const kindGroup = 2;
export const passwdRecord = {
  crc: 0,
  bytes: 4,
  uid: 8,
  gid: 12,
  groupCount: 16,
  nameBytes: 20,
  gecosBytes: 22,
  homeBytes: 24,
  shellBytes: 26,
  kind: 28,
} as const;
export const groupRecord = {
  crc: 0,
  bytes: 4,
  gid: 8,
  memberCount: 12,
  memberBytes: 16,
  nameBytes: 20,
  zero: 24,
  kind: 28,
} as const;

/** Buckets for entryCount entries: a power of two that keeps them at most 4/7 full on average. */
export function bucketCountFor(entryCount: number): number {
  let count = 1;
  while (count * 4 < entryCount) count *= 2;
  return count;
}
