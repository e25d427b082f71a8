import type { Clock } from '@xtreemos/base';

/**
 * The time that all servers of an installation share, the DIR's: an XCap expires for all of them at once, whatever their own
 * clocks say.
 */
export interface SharedTime {
  /** Milliseconds since 1970, by the DIR's clock once it was asked, by this host's before. */
  nowMs(): number;
  /** @returns whether the DIR answered soon enough to be of use */
  adjust(): Promise<boolean>;
  /** How far this host's clock is ahead, in milliseconds. */
  readonly aheadMs: number;
}

/** An answer that took longer says too little. */
const mostRoundTripMs = 5000;

/** @param directoryTimeMs asks the DIR; its answer has seconds alone, so the middle of the second is the best guess */
export function createSharedTime(clock: Clock, directoryTimeMs: () => Promise<number>): SharedTime {
  let aheadMs = 0;
  return {
    nowMs: () => clock.nowMs() - aheadMs,
    async adjust() {
      const before = clock.monotonicMs();
      const theirs = await directoryTimeMs();
      const tookMs = clock.monotonicMs() - before;
      if (tookMs > mostRoundTripMs) return false;
      const measured = clock.nowMs() - tookMs / 2 - (theirs + 500);
      // Within what seconds can tell, clocks are taken as equal.
      aheadMs = Math.abs(measured) < 1500 ? 0 : measured;
      return true;
    },
    get aheadMs() {
      return aheadMs;
    },
  };
}
