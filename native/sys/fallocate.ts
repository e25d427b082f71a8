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
