/**
 * Keys of the MRC's store. The first byte is the table; volumes have numbers of their own, short and never used again.
 * docs/decisions/metadata-store.md says what lies where, and why.
 */
import { readNumber, writeNumber } from './number-bytes.ts';

const table = (letter: string): number => letter.charCodeAt(0);

const tables = {
  counter: table('c'),
  entryByCookie: table('d'),
  inode: table('i'),
  name: table('m'),
  entryByName: table('n'),
  nameId: table('o'),
  objectWork: table('q'),
  removedVolume: table('r'),
  volumeCounters: table('s'),
  usage: table('u'),
  volume: table('v'),
  attribute: table('x'),
  begunTruncation: table('t'),
  orphan: table('z'),
} as const;

export type TableName = keyof typeof tables;

/** What all keys of a table begin with. */
export function tablePrefix(name: TableName): Buffer {
  return Buffer.of(tables[name]);
}

/** What all keys of a volume in a table begin with. */
export function volumePrefix(name: TableName, volume: number): Buffer {
  const key = Buffer.allocUnsafe(5);
  key[0] = tables[name];
  key.writeUInt32BE(volume, 1);
  return key;
}

function nodeKey(letter: number, volume: number, node: number, more: number): Buffer {
  const key = Buffer.allocUnsafe(13 + more);
  key[0] = letter;
  key.writeUInt32BE(volume, 1);
  writeNumber(key, node, 5);
  return key;
}

export function inodeKey(volume: number, node: number): Buffer {
  return nodeKey(tables.inode, volume, node, 0);
}

export function entryKey(volume: number, directory: number, name: Uint8Array): Buffer {
  const key = nodeKey(tables.entryByName, volume, directory, name.length);
  key.set(name, 13);
  return key;
}

/** Where a directory is read on from. */
export function cookieKey(volume: number, directory: number, cookie: number): Buffer {
  const key = nodeKey(tables.entryByCookie, volume, directory, 8);
  writeNumber(key, cookie, 13);
  return key;
}

export function attributeKey(volume: number, node: number, name: Uint8Array): Buffer {
  const key = nodeKey(tables.attribute, volume, node, name.length);
  key.set(name, 13);
  return key;
}

/** The part of a key that follows volume and node: a name or a cookie. */
export function restOfKey(key: Buffer): Buffer {
  return key.subarray(13);
}

export function begunTruncationKey(volume: number, node: number): Buffer {
  return nodeKey(tables.begunTruncation, volume, node, 0);
}

export function orphanKey(volume: number, node: number): Buffer {
  return nodeKey(tables.orphan, volume, node, 0);
}

/** Of a key that has a volume and a node. */
export function nodeOfKey(key: Buffer): number {
  return readNumber(key, 5);
}

/** Of any key that has a volume. */
export function numberOfVolumeKey(key: Buffer): number {
  return key.readUInt32BE(1);
}

export function usageKey(volume: number, owner: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = tables.usage;
  key.writeUInt32BE(volume, 1);
  key.writeUInt32BE(owner, 5);
  return key;
}

export function volumeCountersKey(volume: number): Buffer {
  return volumePrefix('volumeCounters', volume);
}

export function volumeKey(id: string): Buffer {
  return Buffer.concat([tablePrefix('volume'), Buffer.from(id, 'latin1')]);
}

export function removedVolumeKey(volume: number): Buffer {
  return volumePrefix('removedVolume', volume);
}

export function nameKey(name: string): Buffer {
  return Buffer.concat([tablePrefix('name'), Buffer.from(name, 'utf8')]);
}

export function nameIdKey(id: number): Buffer {
  return volumePrefix('nameId', id);
}

export function objectWorkKey(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = tables.objectWork;
  writeNumber(key, sequence, 1);
  return key;
}

/** Counters of the whole MRC. */
export function counterKey(
  name: 'start' | 'volume' | 'name' | 'object-work' | 'node-secret' | 'osds',
): Buffer {
  return Buffer.concat([tablePrefix('counter'), Buffer.from(name, 'latin1')]);
}
