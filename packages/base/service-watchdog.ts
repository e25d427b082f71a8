import { stat } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

export interface WatchdogOptions {
  /** How often PID 1 wants to hear; half of what it tolerates. */
  readonly intervalMs: number;
  /** Keeps PID 1 content for another interval. */
  readonly keepAlive: () => void;
  /** What the service says of itself. */
  readonly healthy: () => boolean;
  /** Told once when the service calls itself unhealthy. */
  readonly onUnhealthy: () => void;
  /** Told when timers came late by so many milliseconds: the event loop was held up, or the process stopped. */
  readonly onStalled: (lateMs: number) => void;
  /** Resolves when a task went through the thread pool. Default: a stat(2) of the root directory. */
  readonly throughThreadPool?: () => Promise<void>;
}

/** Late by less than this is a busy machine, not worth a line in the journal. */
const worthTellingMs = 5000;

/**
 * The keep-alive is sent only when the process does its work: timers fire, the event loop gets through its poll phase, and
 * the thread pool, where files, names and keys are handled, takes a task and brings it back. A service that hangs in any of these,
 * or calls itself unhealthy, is restarted by PID 1. Keeps the process alive until the returned function is called.
 */
export function watchEventLoop(options: WatchdogOptions): () => void {
  const { intervalMs, keepAlive, healthy, onUnhealthy, onStalled } = options;
  const throughThreadPool =
    options.throughThreadPool ?? (() => new Promise<void>((resolve) => stat('/', () => resolve())));
  let wasHealthy = true;
  let expectedMs = performance.now() + intervalMs;
  let probing = false;
  const turn = async () => {
    const lateMs = performance.now() - expectedMs;
    expectedMs = performance.now() + intervalMs;
    if (lateMs > worthTellingMs) onStalled(Math.round(lateMs));
    const isHealthy = healthy();
    if (!isHealthy && wasHealthy) onUnhealthy();
    wasHealthy = isHealthy;
    // The last probe is still on its way: silence is what PID 1 waits for.
    if (!isHealthy || probing) return;
    probing = true;
    await Promise.all([throughThreadPool(), setImmediate()]);
    probing = false;
    keepAlive();
  };
  const timer = setInterval(() => void turn(), intervalMs);
  return () => clearInterval(timer);
}
