import type { Clock } from '@xtreemos/base';

/** Behind that, the clock was set back and the time that was told last is no longer followed. */
const furthestAheadNs = 1_000_000_000n;

/** Nanoseconds since 1970, each later than the one before: the clock has milliseconds, and two changes are to differ. */
export function createNanosecondClock(clock: Clock): () => bigint {
  let last = 0n;
  return () => {
    const now = BigInt(Math.trunc(clock.nowMs())) * 1_000_000n;
    last = now > last || last - now > furthestAheadNs ? now : last + 1n;
    return last;
  };
}
