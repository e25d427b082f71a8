import { addon } from './addon.ts';

/**
 * preadv2(2) with RWF_NOWAIT, at once: only what the kernel has in memory is read.
 * @returns the bytes read, fewer than asked for where the file ends or the rest is not in memory; a negative errno: EAGAIN when
 * nothing is, EOPNOTSUPP where the file system cannot tell
 */
export function readCached(descriptor: number, buffer: Uint8Array, position: number): number {
  return addon.readCached(descriptor, buffer, position);
}
