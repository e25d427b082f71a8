import type { Attributes as KernelAttributes } from '@xtreemos/fuse';
import type { Attributes } from '@xtreemos/rpc';
import { Failure } from './call-failure.ts';
import type { FileSize, KnownSize } from './file-size.ts';
import type { VolumeIds } from './volume-ids.ts';

const second = 1_000_000_000n;
const blockBytes = 4096;

export interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export function timeOf(ns: bigint): Time {
  // Rounded down also before 1970.
  const nanoseconds = ((ns % second) + second) % second;
  return { seconds: Number((ns - nanoseconds) / second), nanoseconds: Number(nanoseconds) };
}

export function nanosecondsOf({ seconds, nanoseconds }: Time): bigint {
  return BigInt(seconds) * second + BigInt(nanoseconds);
}

/** @throws Failure EIO when the server sent none */
export function present(attributes: Attributes | undefined): Attributes {
  if (attributes === undefined) throw new Failure('EIO', 'the MRC sent no attributes');
  return attributes;
}

export function knownSizeOf({ size, truncateEpoch, mtimeNs, change }: Attributes): KnownSize {
  return { size: Number(size), truncateEpoch, mtimeNs, change };
}

/**
 * Of 512 bytes.
 * @param allocated at the OSDs, undefined: it follows from the size. @param unwritten bytes are on the way there, to new blocks or to old ones
 */
export function blocksOf(size: number, allocated?: number, unwritten = 0): number {
  if (allocated === undefined) return Math.ceil(size / 512);
  const full = Math.ceil(size / blockBytes) * blockBytes;
  return Math.ceil(Math.max(allocated, Math.min(allocated + unwritten, full)) / 512);
}

/** @param own of a file that is open here: the MRC may not know yet what was written to it */
export function kernelAttributes(
  attributes: Attributes,
  ids: Pick<VolumeIds, 'uidOf' | 'gidOf'>,
  own: FileSize | undefined,
): KernelAttributes {
  const { node, mode, nlink, owner, group, rdev, atimeNs, ctimeNs } = attributes;
  const size = own?.size ?? Number(attributes.size);
  const mtimeNs = own?.mtimeNs ?? attributes.mtimeNs;
  const atime = timeOf(atimeNs);
  const mtime = timeOf(mtimeNs);
  const ctime = timeOf(own?.isAhead === true && mtimeNs > ctimeNs ? mtimeNs : ctimeNs);
  return {
    ino: Number(node),
    size,
    blocks: blocksOf(size),
    atimeSeconds: atime.seconds,
    atimeNanoseconds: atime.nanoseconds,
    mtimeSeconds: mtime.seconds,
    mtimeNanoseconds: mtime.nanoseconds,
    ctimeSeconds: ctime.seconds,
    ctimeNanoseconds: ctime.nanoseconds,
    mode,
    nlink,
    uid: ids.uidOf(owner),
    gid: ids.gidOf(group),
    rdev,
    blockBytes,
  };
}
