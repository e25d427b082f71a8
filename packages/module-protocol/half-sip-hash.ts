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
  const wholeWords = (end - start) >>> 2;
  // One loop for the words, the rest with the length, and the finish: closures here made it five times slower.
  for (let step = 0; step <= wholeWords + 1; step++) {
    let word = 0;
    let rounds = 2;
    if (step < wholeWords) {
      word = data.getInt32(start + step * 4, true);
    } else if (step === wholeWords) {
      word = (end - start) << 24;
      for (let offset = start + step * 4, shift = 0; offset < end; offset++, shift += 8) {
        word |= data.getUint8(offset) << shift;
      }
    } else {
      v2 ^= 0xff;
      rounds = 4;
    }
    v3 ^= word;
    for (let round = 0; round < rounds; round++) {
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
    }
    v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}
