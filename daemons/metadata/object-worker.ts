import { defineEvent, type Logger, reasonOf } from '@xtreemos/base';
import { objectCalls, type RpcConnection, RpcError } from '@xtreemos/rpc';
import type { Store } from '@xtreemos/store';
import { errnoNumber } from '@xtreemos/xtreemfs';
import { type CapabilityIssuer, credentialsOf } from './capability-issuer.ts';
import { newestObjectWork, objectWork, type QueuedWork, removeObjectWork } from './object-work.ts';

const events = { waiting: defineEvent('metadata.object-work-waiting') } as const;

export interface ObjectWorkerOptions {
  readonly store: Store;
  readonly issuer: CapabilityIssuer;
  /** A connection to an OSD. */
  readonly connected: (uuid: string) => Promise<RpcConnection>;
  readonly monotonicMs: () => number;
  readonly logger: Logger;
  readonly timeoutMs?: number;
}

/** Work looked at in one go, and done at once. */
const batch = 256;
const longestPauseMs = 60_000;
const firstPauseMs = 500;

interface Away {
  pauseMs: number;
  untilMs: number;
}

/**
 * Does what the queue of the store asks of OSDs: objects of removed files go, and files are cut, whether or not their clients did it already. An OSD that
 * does not answer is left alone for a while, longer each time, and keeps nobody else's work waiting.
 */
export class ObjectWorker {
  readonly #options: ObjectWorkerOptions;
  readonly #away = new Map<string, Away>();
  #running: Promise<void> | undefined;
  #seen = -1;
  #pauseMs = 0;
  #nextPassMs = 0;

  constructor(options: ObjectWorkerOptions) {
    this.#options = options;
  }

  /** One pass over what is queued; while one runs, the same. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#pass().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #pass(): Promise<void> {
    const { store, monotonicMs } = this.#options;
    const newest = newestObjectWork(store);
    // What could not be done is not read again each second: it may be much.
    if (newest === this.#seen && monotonicMs() < this.#nextPassMs) return;
    this.#seen = newest;
    const isProgress = await this.#passAll();
    this.#pauseMs = isProgress ? 0 : Math.min(Math.max(this.#pauseMs * 2, firstPauseMs), longestPauseMs / 4);
    this.#nextPassMs = monotonicMs() + this.#pauseMs;
  }

  /** @returns whether something was done */
  async #passAll(): Promise<boolean> {
    let isProgress = false;
    const waiting = new Set<string>();
    for (let after = 0; ; ) {
      const queued = [...objectWork(this.#options.store, after, batch)];
      if (queued.length === 0) return isProgress;
      const byFile = [...Map.groupBy(queued, ({ work }) => work.fileId).values()];
      const [removed, others] = [
        byFile.filter(isRemovalAlone),
        byFile.filter((items) => !isRemovalAlone(items)),
      ];
      const parts = [
        this.#remove(removed.flat(), waiting),
        ...others.map((items) => this.#doInOrder(items, waiting)),
      ];
      const finished = (await Promise.all(parts)).flat();
      isProgress ||= finished.length > 0;
      if (finished.length > 0)
        await this.#options.store.write((writer) => {
          for (const sequence of finished) removeObjectWork(writer, sequence);
        });
      after = queued.at(-1)?.sequence ?? after;
    }
  }

  /** One call to each OSD, whatever the number of files. @returns sequences of what is done */
  async #remove(items: readonly QueuedWork[], waiting: Set<string>): Promise<readonly number[]> {
    const { issuer } = this.#options;
    const open = items.filter(({ work }) => !waiting.has(work.fileId));
    const ofOsd = new Map<string, string[]>();
    for (const { work } of open)
      for (const uuid of work.osdUuids) ofOsd.set(uuid, [...(ofOsd.get(uuid) ?? []), work.fileId]);
    await Promise.all(
      [...ofOsd].map(async ([uuid, fileIds]) => {
        const answer = await this.#ask(uuid, (connection, timeoutMs) => {
          const request = { xcap: issuer.issueDeletion(fileIds), fileIds };
          return connection.call(objectCalls.unlinkFiles, request, { timeoutMs });
        });
        for (const fileId of answer?.response.left ?? fileIds) waiting.add(fileId);
      }),
    );
    return open.flatMap(({ work, sequence }) => (waiting.has(work.fileId) ? [] : [sequence]));
  }

  /**
   * A file that was cut after its objects were removed would be there again, so work on a file is done in its order.
   * @param waiting files of which something earlier could not be done
   * @returns sequences of what is done
   */
  async #doInOrder(items: readonly QueuedWork[], waiting: Set<string>): Promise<readonly number[]> {
    const done: number[] = [];
    for (const item of items) {
      if (waiting.has(item.work.fileId)) break;
      if (await this.#isDone(item)) done.push(item.sequence);
      else waiting.add(item.work.fileId);
    }
    return done;
  }

  async #isDone({ work }: QueuedWork): Promise<boolean> {
    // A file is cut by the first OSD of its stripe, which tells the others.
    const uuids = work.kind === 'truncate' ? work.osdUuids.slice(0, 1) : work.osdUuids;
    const results = await Promise.all(uuids.map((uuid) => this.#isDoneAt(uuid, work)));
    return results.every((result) => result);
  }

  async #isDoneAt(uuid: string, work: QueuedWork['work']): Promise<boolean> {
    const { issuer } = this.#options;
    const { fileId, kind, truncateEpoch, size } = work;
    const answer = await this.#ask(uuid, async (connection, timeoutMs) => {
      const fileCredentials = credentialsOf(issuer.issueOwn(fileId, truncateEpoch), work);
      try {
        if (kind === 'unlink')
          await connection.call(objectCalls.unlink, { fileCredentials, fileId }, { timeoutMs });
        else {
          const request = { fileCredentials, fileId, newFileSize: BigInt(size) };
          await connection.call(objectCalls.truncate, request, { timeoutMs });
        }
      } catch (error) {
        // It was cut again since, or is gone: nothing is left to do.
        if (!(error instanceof RpcError && error.kind === 'errno' && isPast(error.errno))) throw error;
      }
      return true;
    });
    return answer ?? false;
  }

  /** @returns undefined when the OSD is left alone, or did not do it and will be */
  async #ask<Answer>(
    uuid: string,
    call: (connection: RpcConnection, timeoutMs: number) => Promise<Answer>,
  ): Promise<Answer | undefined> {
    const { logger, monotonicMs, connected, timeoutMs = 10_000 } = this.#options;
    const away = this.#away.get(uuid);
    if (away !== undefined && away.untilMs > monotonicMs()) return undefined;
    try {
      const answer = await call(await connected(uuid), timeoutMs);
      this.#away.delete(uuid);
      return answer;
    } catch (error) {
      const pauseMs = Math.min(away === undefined ? firstPauseMs : away.pauseMs * 2, longestPauseMs);
      this.#away.set(uuid, { pauseMs, untilMs: monotonicMs() + pauseMs });
      if (away === undefined)
        logger.warning(events.waiting, `Work on objects waits for OSD ${uuid}: ${reasonOf(error)}`, {
          osd: uuid,
        });
      return undefined;
    }
  }
}

/** Nothing else is to be done with the file, before or after. */
function isRemovalAlone(items: readonly QueuedWork[]): boolean {
  return items.length === 1 && items[0]?.work.kind === 'unlink';
}

function isPast(errno: number): boolean {
  return errno === errnoNumber('ESTALE') || errno === errnoNumber('ENOENT');
}
