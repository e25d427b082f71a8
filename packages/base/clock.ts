/**
 * Time as a parameter, so that tests and simulations decide what time it is.
 * Wall-clock time may jump; intervals are measured with `monotonicMs`.
 */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  nowMs(): number;
  /** Milliseconds since an arbitrary point; never goes back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A clock that stands still until it is told to move. */
export interface ManualClock extends Clock {
  /** Moves both times forward. */
  advance(milliseconds: number): void;
  /** Sets the wall clock alone, as an administrator or NTP would. */
  setNowMs(nowMs: number): void;
}

export function manualClock(startMs = 1_700_000_000_000): ManualClock {
  let nowMs = startMs;
  let monotonicMs = 0;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => monotonicMs,
    advance: (milliseconds) => {
      nowMs += milliseconds;
      monotonicMs += milliseconds;
    },
    setNowMs: (value) => {
      nowMs = value;
    },
  };
}
