import type { Clock } from './clock.ts';

export interface RateLimitOptions {
  /** Attempts a key may make at once. */
  readonly burst: number;
  /** Attempts that come back per second; may be a fraction. */
  readonly perSecond: number;
  /** Keys remembered; beyond it the longest unused are forgotten first. Default 10,000. */
  readonly maximumKeys?: number;
  readonly clock: Clock;
}

export interface RateLimit {
  /** Takes `cost` tokens (default 1) of a key; 0 when allowed, else milliseconds until it would be. */
  take(key: string, cost?: number): number;
  /** Forgets a key, as after a sign-in that succeeded. */
  reset(key: string): void;
  /** Keys remembered now. */
  readonly size: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A token bucket per key, on the monotonic clock, with bounded memory. */
export function createRateLimit(options: RateLimitOptions): RateLimit {
  const { burst, perSecond, clock, maximumKeys = 10_000 } = options;
  if (!(burst > 0) || !(perSecond > 0) || !(maximumKeys >= 1))
    throw new RangeError('rate limit: burst, perSecond and maximumKeys have to be positive');
  // In order of last use, so that the first ones have refilled the longest.
  const buckets = new Map<string, Bucket>();
  return {
    take(key, cost = 1) {
      const nowMs = clock.monotonicMs();
      const known = buckets.get(key);
      const tokens =
        known === undefined
          ? burst
          : Math.min(burst, known.tokens + ((nowMs - known.atMs) / 1000) * perSecond);
      const allowed = tokens >= cost;
      buckets.delete(key);
      buckets.set(key, { tokens: allowed ? tokens - cost : tokens, atMs: nowMs });
      if (buckets.size > maximumKeys) {
        const oldest = buckets.keys().next();
        if (oldest.done !== true) buckets.delete(oldest.value);
      }
      if (allowed) return 0;
      return cost > burst ? Number.POSITIVE_INFINITY : Math.ceil(((cost - tokens) / perSecond) * 1000);
    },
    reset: (key) => {
      buckets.delete(key);
    },
    get size() {
      return buckets.size;
    },
  };
}
