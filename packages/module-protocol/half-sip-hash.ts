/** Key of HalfSipHash: two 32-bit halves. */
export interface HalfSipKey {
  readonly low: number;
  readonly high: number;
}

/**
 * HalfSipHash-2-4 of data[start, end), 32 bits of output (Aumasson, Bernstein: SipHash). Keyed, so that nobody can choose
 * names that all fall into one bucket of the NSS map.
 */
export function halfSipHash(key: HalfSipKey, data: DataView, start = 0, end = data.byteLength): number {
  let v0 = key.low | 0;
  let v1 = key.high | 0;
  let v2 = 0x6c796765 ^ key.low;
  let v3 = 0x74656462 ^ key.high;
  const round = (): void => {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  };
  const absorb = (word: number): void => {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  };
  let offset = start;
  for (; offset + 4 <= end; offset += 4) absorb(data.getInt32(offset, true));
  let last = (end - start) << 24;
  for (let shift = 0; offset < end; offset++, shift += 8) last |= data.getUint8(offset) << shift;
  absorb(last);
  v2 ^= 0xff;
  round();
  round();
  round();
  round();
  return (v1 ^ v3) >>> 0;
}
