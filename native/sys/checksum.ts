import { addon } from './addon.ts';

/** Whether the processor has an instruction for CRC-32C; the table that stands in is some twenty times slower. */
export const crc32cIsHardware: boolean = addon.crc32cIsHardware;

/**
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4).
 * @param seed the checksum of the bytes before these, 0 at the beginning
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return addon.crc32c(bytes, seed);
}

/**
 * CRC-32C of each block, the last of which may be short, and of all bytes, in one pass.
 * @param checksums receives one for each block
 * @returns the checksum of all bytes
 */
export function crc32cBlocks(bytes: Uint8Array, blockBytes: number, checksums: Uint32Array): number {
  return addon.crc32cBlocks(bytes, blockBytes, checksums);
}
