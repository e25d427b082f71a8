const tickMs = 50;

/**
 * Resolves when this process has had so much time, or at an abort. A moment in which it did not run at all, on a host that
 * stalls, counts as one tick: timers would otherwise come before answers that are waiting to be read. Never later than three
 * times as long.
 */
export function spent(lengthMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    let ticks = 0;
    const end = (): void => {
      clearInterval(ticking);
      resolve();
    };
    const ticking = setInterval(() => {
      ticks += 1;
      if (ticks * tickMs >= lengthMs || performance.now() - startedAt >= 3 * lengthMs) end();
    }, tickMs);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** What `work` gives, or what `late` makes once it has had `lengthMs` of this process' time. */
export async function withinOwnTime<T>(
  lengthMs: number,
  work: Promise<T>,
  late: () => T | Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const tooLate = spent(lengthMs, done.signal).then(() => (done.signal.aborted ? work : late()));
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    done.abort();
    // Its abort may still call on `work`, whose failure was told already.
    tooLate.catch(() => undefined);
  }
}
