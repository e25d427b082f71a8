import { addon } from './addon.ts';

/** `reserve`: space beneath the range, content and size unchanged. `punch`: the range becomes a hole, size unchanged. */
export type AllocationKind = 'reserve' | 'punch';

/**
 * fallocate(2), which Node does not have, on a thread of its own.
 * @throws SystemError ENOSPC; EOPNOTSUPP where the file system cannot
 */
export async function fallocate(
  descriptor: number,
  kind: AllocationKind,
  offset: number,
  length: number,
): Promise<void> {
  return addon.fallocate(descriptor, kind, offset, length);
}

/** A range of a file that has space on disk, in bytes. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/**
 * What of a file has space on disk, written or reserved (FS_IOC_FIEMAP, ioctl_fiemap of the kernel's documentation), on a thread of its own.
 * @returns in order, some thousands at most, the first one perhaps from before `from`; none when there are no more
 * @throws SystemError EOPNOTSUPP where the file system cannot tell, as tmpfs
 */
export async function allocatedExtents(descriptor: number, from: number): Promise<readonly Extent[]> {
  const positions = await addon.allocatedExtents(descriptor, from);
  return Array.from({ length: positions.length / 2 }, (_, index) => ({
    start: positions[index * 2] ?? 0,
    end: positions[index * 2 + 1] ?? 0,
  }));
}
