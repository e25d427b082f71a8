/** Files as XtreemFS's own calls write them. */
import { isDirectory } from './file-mode.ts';
import type { Found } from './lookup.ts';
import type { NameTable } from './name-table.ts';
import type { Volume } from './volume.ts';

/** Of directories and links, which have no stripes. */
const otherBlockBytes = 4096;

export function statMessage({ node, inode }: Found, volume: Volume, names: NameTable) {
  return {
    dev: BigInt(volume.number),
    ino: BigInt(node),
    mode: inode.mode,
    // A client aborts when a directory that it keeps has more: XtreemFS's servers do not count subdirectories.
    nlink: isDirectory(inode) ? 1 : inode.nlink,
    userId: names.nameOf(inode.owner),
    groupId: names.nameOf(inode.group),
    size: BigInt(inode.size),
    atimeNs: unsigned(inode.atimeNs),
    mtimeNs: unsigned(inode.mtimeNs),
    ctimeNs: unsigned(inode.ctimeNs),
    blksize: inode.layout?.stripeBytes ?? otherBlockBytes,
    etag: BigInt(inode.change),
    truncateEpoch: inode.truncateEpoch,
  };
}

/** The interface knows no time before 1970. */
function unsigned(ns: bigint): bigint {
  return ns < 0n ? 0n : ns;
}

export function secondsOf(ns: bigint): number {
  return Number(ns / 1_000_000_000n);
}
