import { setTimeout as delay } from 'node:timers/promises';

/** Waits; the signal ends the wait early, without an error. The wait alone does not keep the process alive. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal, ref: false });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
