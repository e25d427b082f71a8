import { type Clock, defineEvent, type Logger, reasonOf } from '@xtreemos/base';
import type { ObjectStore } from './object-store.ts';
import { type ScrubReport, scrub } from './scrub.ts';

const events = {
  scrubbed: defineEvent('objects.scrubbed'),
  scrubFailed: defineEvent('objects.scrub-failed'),
} as const;

export interface ScrubSchedule {
  /** Of the last pass that ended. */
  readonly last: ScrubReport | undefined;
  stop(): Promise<void>;
}

export interface ScrubScheduleOptions {
  readonly store: ObjectStore;
  readonly logger: Logger;
  readonly clock: Clock;
  /** 0: never. */
  readonly intervalMs: number;
  readonly bytesPerSecond: number;
}

/** setTimeout takes no more. */
const mostTimerMs = 2 ** 31 - 1;

export function startScrubSchedule(options: ScrubScheduleOptions): ScrubSchedule {
  const { store, logger, clock, intervalMs, bytesPerSecond } = options;
  const stopping = new AbortController();
  let last: ScrubReport | undefined;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  async function pass(): Promise<void> {
    const startMs = clock.monotonicMs();
    try {
      last = await scrub({ store, logger, bytesPerSecond, signal: stopping.signal });
      const { files, blocks, damaged, unreadable, adoptedBlocks } = last;
      logger.info(events.scrubbed, 'Compared stored files with their checksums', {
        files,
        blocks,
        damaged: damaged.length,
        unreadable: unreadable.length,
        adopted: adoptedBlocks,
        seconds: Math.round((clock.monotonicMs() - startMs) / 1000),
      });
    } catch (error) {
      logger.error(events.scrubFailed, 'Could not compare stored files with their checksums', {
        reason: reasonOf(error),
      });
    }
  }

  function schedule(): void {
    if (intervalMs === 0 || stopping.signal.aborted) return;
    timer = setTimeout(
      () => {
        running = pass().then(schedule);
      },
      Math.min(intervalMs, mostTimerMs),
    ).unref();
  }

  schedule();
  return {
    get last() {
      return last;
    },
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
