/** Brings to the files what the log holds for them, in the background, so that segments of the log become free again. */
import { defineEvent, type Logger, reasonOf } from '@xtreemos/base';
import type { FileContext } from './file-context.ts';
import { flushFile, syncPlaced } from './file-flush.ts';
import type { OpenFiles } from './open-files.ts';
import type { FullSegment } from './write-log.ts';

const events = {
  flushFailed: defineEvent('objects.flush-failed'),
  flushRefused: defineEvent('objects.flush-refused'),
  syncFailed: defineEvent('objects.sync-failed'),
} as const;

const againMs = 500;
const filesTogether = 4;

export interface LogFlusher {
  /**
   * Flushes the files of a full segment, as often as it takes (a full disk may become free), then releases it. One with a file that the
   * disk refused to sync is kept: at the next start it is repeated.
   */
  flushSegment(segment: FullSegment): void;
  /** Makes durable what was placed in files, when there is much of it. */
  placed(blocks: number): void;
  /** Set once a segment is kept for ever: the log has no room soon, and the process should end. */
  readonly failure: Error | undefined;
  /** Resolves when nothing runs any more; what fails from now on is not tried again. */
  stop(): Promise<void>;
}

export function createLogFlusher(
  context: () => FileContext,
  files: OpenFiles,
  logger: Logger,
  unsyncedBlocks: number,
): LogFlusher {
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  let sinceSync = 0;
  let failure: Error | undefined;

  function track(work: Promise<void>): void {
    const tracked = work.finally(() => running.delete(tracked));
    running.add(tracked);
  }

  async function flushUntilDone(segment: FullSegment): Promise<void> {
    const { log, storage, dirtyDirectories } = context();
    for (;;) {
      try {
        await log.durable(log.lastSequence);
        await inTurns([...segment.fileIds], filesTogether, async (fileId) => {
          await files.use(fileId, (file) => flushFile(context(), file));
          files.release(fileId);
        });
        for (const directory of [...dirtyDirectories]) {
          await storage.syncDirectory(directory);
          dirtyDirectories.delete(directory);
        }
        segment.release();
        return;
      } catch (error) {
        if (log.failure !== undefined) return;
        const refused = files.unclean().find((file) => file.failure && segment.fileIds.has(file.fileId));
        if (refused !== undefined) {
          failure ??= refused.failure;
          logger.error(
            events.flushRefused,
            'The disk refused a sync: what the log holds is repeated at the next start',
            {
              file: refused.fileId,
              reason: reasonOf(refused.failure),
            },
          );
          return;
        }
        logger.error(events.flushFailed, 'Cannot write to files what the log holds, trying again', {
          reason: reasonOf(error),
        });
        if (stopping.signal.aborted) return;
        await pause(againMs, stopping.signal);
      }
    }
  }

  async function syncAll(): Promise<void> {
    for (const file of files.unclean()) {
      await files
        .use(file.fileId, (used) => syncPlaced(context(), used))
        .catch((error: unknown) => {
          logger.error(events.syncFailed, 'Cannot make a file durable', {
            file: file.fileId,
            reason: reasonOf(error),
          });
        });
    }
  }

  return {
    get failure() {
      return failure;
    },
    flushSegment: (segment) => track(flushUntilDone(segment)),
    placed(blocks) {
      sinceSync += blocks;
      if (sinceSync < unsyncedBlocks) return;
      sinceSync = 0;
      track(syncAll());
    },
    async stop() {
      stopping.abort();
      while (running.size > 0) await Promise.all(running);
    },
  };
}

async function inTurns<Item>(
  items: readonly Item[],
  together: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: together }, worker));
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
