import type { AclEntry } from './access-list.ts';
import { readNumber, writeNumber } from './number-bytes.ts';

/** Where the objects of a file are; names by their ids in the name table. */
export interface Layout {
  readonly stripeBytes: number;
  readonly osds: readonly number[];
}

export interface DirectoryStriping {
  readonly stripeBytes: number;
  readonly width: number;
}

/** What is kept of a file, whatever its kind. Users, groups and OSDs are ids of the name table. */
export interface Inode {
  /** Type and permissions. */
  readonly mode: number;
  readonly nlink: number;
  readonly owner: number;
  readonly group: number;
  /** In bytes; of a symbolic link the length of its target. */
  readonly size: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly truncateEpoch: number;
  readonly rdev: number;
  /** Grows with every change. */
  readonly change: number;
  /** Of a directory: the one that it is in. Zero for all else. */
  readonly parent: number;
  /** Of a directory: the cookie of the entry that comes next. */
  readonly nextCookie: number;
  /** Made by O_TMPFILE and may be given a name yet. */
  readonly isLinkable: boolean;
  readonly hasAttributes: boolean;
  /** Of a regular file: its space does not follow from its size, OSDs are asked. */
  readonly mayHaveHoles: boolean;
  readonly target?: Buffer;
  readonly accessAcl?: readonly AclEntry[];
  readonly defaultAcl?: readonly AclEntry[];
  readonly layout?: Layout;
  /** Of a directory: for files made in it. */
  readonly striping?: DirectoryStriping;
}

/** The root directory of every volume. */
export const rootNode = 1;
/** Cookies of `.` and `..`; those of entries follow. */
export const firstCookie = 3;
/** As ext4: more links than that are refused. */
export const maximumLinks = 65_000;
/** As OSDs have it. */
export const maximumFileBytes = 2 ** 52;

const formatVersion = 1;
const has = {
  ...{ target: 1, accessAcl: 2, defaultAcl: 4, layout: 8, linkable: 16, attributes: 32, striping: 64 },
  holes: 128,
};
/** These stand for themselves; the others for something behind the fixed fields. */
const flagsAlone = has.linkable | has.attributes | has.holes;
const fixedBytes = 80;
const aclEntryBytes = 6;

/** One record of fixed fields, then what few files have. */
export function encodeInode(inode: Inode): Buffer {
  const { target, accessAcl, defaultAcl, layout, striping } = inode;
  const bytes = Buffer.allocUnsafe(
    fixedBytes +
      (target === undefined ? 0 : 2 + target.length) +
      (accessAcl === undefined ? 0 : 2 + accessAcl.length * aclEntryBytes) +
      (defaultAcl === undefined ? 0 : 2 + defaultAcl.length * aclEntryBytes) +
      (layout === undefined ? 0 : 6 + layout.osds.length * 4) +
      (striping === undefined ? 0 : 6),
  );
  bytes[0] = formatVersion;
  bytes[1] =
    (target === undefined ? 0 : has.target) |
    (accessAcl === undefined ? 0 : has.accessAcl) |
    (defaultAcl === undefined ? 0 : has.defaultAcl) |
    (layout === undefined ? 0 : has.layout) |
    (striping === undefined ? 0 : has.striping) |
    (inode.isLinkable ? has.linkable : 0) |
    (inode.hasAttributes ? has.attributes : 0) |
    (inode.mayHaveHoles ? has.holes : 0);
  bytes.writeUInt16BE(inode.mode, 2);
  bytes.writeUInt32BE(inode.nlink, 4);
  bytes.writeUInt32BE(inode.owner, 8);
  bytes.writeUInt32BE(inode.group, 12);
  writeNumber(bytes, inode.size, 16);
  bytes.writeBigInt64BE(inode.atimeNs, 24);
  bytes.writeBigInt64BE(inode.mtimeNs, 32);
  bytes.writeBigInt64BE(inode.ctimeNs, 40);
  bytes.writeUInt32BE(inode.truncateEpoch, 48);
  bytes.writeUInt32BE(inode.rdev, 52);
  writeNumber(bytes, inode.change, 56);
  writeNumber(bytes, inode.parent, 64);
  writeNumber(bytes, inode.nextCookie, 72);
  let at = fixedBytes;
  if (target !== undefined) {
    at = bytes.writeUInt16BE(target.length, at);
    bytes.set(target, at);
    at += target.length;
  }
  if (accessAcl !== undefined) at = writeAcl(bytes, accessAcl, at);
  if (defaultAcl !== undefined) at = writeAcl(bytes, defaultAcl, at);
  if (layout !== undefined) {
    at = bytes.writeUInt32BE(layout.stripeBytes, at);
    at = bytes.writeUInt16BE(layout.osds.length, at);
    for (const osd of layout.osds) at = bytes.writeUInt32BE(osd, at);
  }
  if (striping !== undefined) {
    at = bytes.writeUInt32BE(striping.stripeBytes, at);
    bytes.writeUInt16BE(striping.width, at);
  }
  return bytes;
}

/** Of a file that is cut, or made longer, without anything being written. */
export function withSize(inode: Inode, size: number): Inode {
  return { ...inode, size, mayHaveHoles: size > inode.size || (size > 0 && inode.mayHaveHoles) };
}

function writeAcl(bytes: Buffer, entries: readonly AclEntry[], start: number): number {
  let at = bytes.writeUInt16BE(entries.length, start);
  for (const { tag, permissions, id } of entries) {
    at = bytes.writeUInt8(tag, at);
    at = bytes.writeUInt8(permissions, at);
    at = bytes.writeUInt32BE(id, at);
  }
  return at;
}

/** @throws RangeError when the bytes are none that `encodeInode` made */
export function decodeInode(bytes: Buffer): Inode {
  if (bytes[0] !== formatVersion) throw new RangeError(`inode of version ${bytes[0]}`);
  const flags = bytes[1] ?? 0;
  const fixed = {
    mode: bytes.readUInt16BE(2),
    nlink: bytes.readUInt32BE(4),
    owner: bytes.readUInt32BE(8),
    group: bytes.readUInt32BE(12),
    size: readNumber(bytes, 16),
    atimeNs: bytes.readBigInt64BE(24),
    mtimeNs: bytes.readBigInt64BE(32),
    ctimeNs: bytes.readBigInt64BE(40),
    truncateEpoch: bytes.readUInt32BE(48),
    rdev: bytes.readUInt32BE(52),
    change: readNumber(bytes, 56),
    parent: readNumber(bytes, 64),
    nextCookie: readNumber(bytes, 72),
    isLinkable: (flags & has.linkable) !== 0,
    hasAttributes: (flags & has.attributes) !== 0,
    mayHaveHoles: (flags & has.holes) !== 0,
  };
  if ((flags & ~flagsAlone) === 0) return fixed;
  const more: { -readonly [Key in keyof Inode]?: Inode[Key] } = {};
  let at = fixedBytes;
  if ((flags & has.target) !== 0) {
    const end = at + 2 + bytes.readUInt16BE(at);
    more.target = bytes.subarray(at + 2, end);
    at = end;
  }
  if ((flags & has.accessAcl) !== 0) {
    more.accessAcl = readAcl(bytes, at);
    at += 2 + more.accessAcl.length * aclEntryBytes;
  }
  if ((flags & has.defaultAcl) !== 0) {
    more.defaultAcl = readAcl(bytes, at);
    at += 2 + more.defaultAcl.length * aclEntryBytes;
  }
  if ((flags & has.layout) !== 0) {
    const count = bytes.readUInt16BE(at + 4);
    const osds: number[] = [];
    for (let index = 0; index < count; index++) osds.push(bytes.readUInt32BE(at + 6 + index * 4));
    more.layout = { stripeBytes: bytes.readUInt32BE(at), osds };
    at += 6 + count * 4;
  }
  if ((flags & has.striping) !== 0)
    more.striping = { stripeBytes: bytes.readUInt32BE(at), width: bytes.readUInt16BE(at + 4) };
  return { ...fixed, ...more };
}

function readAcl(bytes: Buffer, start: number): readonly AclEntry[] {
  const entries: AclEntry[] = [];
  const count = bytes.readUInt16BE(start);
  for (let index = 0; index < count; index++) {
    const at = start + 2 + index * aclEntryBytes;
    entries.push({
      tag: bytes.readUInt8(at),
      permissions: bytes.readUInt8(at + 1),
      id: bytes.readUInt32BE(at + 2),
    });
  }
  return entries;
}
