import { addon } from './addon.ts';

export type RehashDigest = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/**
 * Replaces a digest by its own digest, `rounds` times, on a thread of its own: the inner loop of PKCS#12's key derivation
 * (RFC 7292 appendix B.2). 100,000 rounds of SHA-256 take about 20 ms; one at a time through node:crypto they take 400.
 *
 * @param value as long as the digest, copied before this returns; the caller wipes what is secret
 * @param rounds 0 to 100,000,000
 */
export async function rehash(digest: RehashDigest, value: Uint8Array, rounds: number): Promise<Buffer> {
  return addon.rehash(digest, value, rounds);
}
