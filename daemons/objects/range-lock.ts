/** Exclusive use of ranges of one file: who overlaps waits, in the order of asking. */
export interface RangeLock {
  /** @param end exclusive; Infinity for all that follows. @returns what gives the range back */
  acquire(start: number, end: number): Promise<() => void>;
  readonly isIdle: boolean;
}

interface Claim {
  readonly start: number;
  readonly end: number;
  readonly released: Promise<void>;
}

export function createRangeLock(): RangeLock {
  const claims = new Set<Claim>();
  return {
    get isIdle() {
      return claims.size === 0;
    },
    async acquire(start, end) {
      const before = [...claims].filter((claim) => claim.start < end && start < claim.end);
      const { promise, resolve } = Promise.withResolvers<void>();
      const claim: Claim = { start, end, released: promise };
      claims.add(claim);
      for (const { released } of before) await released;
      return () => {
        claims.delete(claim);
        resolve();
      };
    },
  };
}
