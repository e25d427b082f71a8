import { setTimeout as sleep } from 'node:timers/promises';
import { RpcError } from '@xtreemos/rpc';
import { isOutage } from './call-failure.ts';

/** What becomes of calls while a server is away. */
export interface RetryPolicy {
  /** Soft: after so many milliseconds they fail. Undefined, hard: they wait until it is back, or they are interrupted. */
  readonly softMs?: number;
  readonly monotonicMs: () => number;
}

const firstPauseMs = 20;
const longestPauseMs = 1000;

/**
 * Does the work until it succeeds or fails for another reason than an outage.
 * @param work its argument: whether an attempt before may have been carried out, though its answer was lost
 * @throws what the last attempt threw; the signal's reason
 */
export async function retried<Result>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  work: (isRepeated: boolean) => Promise<Result>,
): Promise<Result> {
  const startMs = policy.monotonicMs();
  let pauseMs = firstPauseMs;
  let isRepeated = false;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await work(isRepeated);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOutage(error)) throw error;
      // A connection that could not be made carried nothing.
      if (error instanceof RpcError) isRepeated = true;
      const { softMs } = policy;
      if (softMs !== undefined && policy.monotonicMs() - startMs + pauseMs > softMs) throw error;
      await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }
}
