import { defineEvent, type Logger, reasonOf } from '@xtreemos/base';
import type { MetadataEngine } from './metadata-engine.ts';
import type { ObjectWorker } from './object-worker.ts';
import { removeClosed, sweepOrphans } from './orphans.ts';
import { clearRemovedVolumes } from './volume-removal.ts';

const events = {
  failed: defineEvent('metadata.housekeeping-failed'),
  swept: defineEvent('metadata.orphans-swept'),
} as const;

const everyMs = 1000;

export interface Housekeeping {
  /** Looks for work at once. */
  wake(): void;
  /** Resolves when what is under way has ended. */
  stop(): Promise<void>;
}

/** What nobody waits for: leases that end, files that nobody has open any more, removed volumes, objects of removed files. */
export function startHousekeeping(options: {
  readonly engine: MetadataEngine;
  readonly worker: ObjectWorker;
  readonly logger: Logger;
}): Housekeeping {
  const { engine, worker, logger } = options;
  const { files, store } = engine;
  const { openFiles, latelyFound, names } = files.parts;
  let isSwept = false;
  let isTurn = false;
  let running: Promise<void> | undefined;
  let hasFailed = false;

  async function pass(): Promise<void> {
    await removeClosed(files, openFiles.expire());
    if (isTurn) {
      isTurn = false;
      await removeClosed(files, latelyFound.turn());
    }
    if (!isSwept && !openFiles.isInGrace) {
      const count = await sweepOrphans(files);
      isSwept = true;
      if (count > 0)
        logger.info(events.swept, 'Looked at files that had been open before the restart', { count });
    }
    await clearRemovedVolumes(store, names);
    await worker.run();
    hasFailed = false;
  }

  function wake(): void {
    running ??= pass()
      .catch((error: unknown) => {
        // Once, and tried again each second.
        if (!hasFailed) logger.error(events.failed, `Housekeeping failed: ${reasonOf(error)}`);
        hasFailed = true;
      })
      .finally(() => {
        running = undefined;
      });
  }

  const timer = setInterval(() => {
    isTurn = true;
    wake();
  }, everyMs).unref();
  wake();
  return {
    wake,
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
