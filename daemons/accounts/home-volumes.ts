import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isXosError, type Logger, reasonOf } from '@xtreemos/base';
import type { Helper } from '@xtreemos/helper-client';
import type { HomeVolume } from '@xtreemos/identity';
import { events } from './account-events.ts';
import type { Assignment } from './account-records.ts';
import type { ProcessTable } from './process-table.ts';
import { SerialQueue } from './serial-queue.ts';

export interface HomeVolumesOptions {
  readonly helper: Pick<Helper, 'startHome' | 'stopHome'>;
  readonly logger: Logger;
  readonly processes: ProcessTable;
  /** Where xos-helper keeps a file `<uid>.env` for each home that is mounted: `/run/xtreemos/home`. */
  readonly directory: () => string;
  readonly volumeOf: (vo: string) => HomeVolume | undefined;
  /** Whether a session of the account is open, or being opened. */
  readonly isInUse: (uid: number) => boolean;
  readonly startTimeoutMs?: number;
}

/** The unit gives up after 10 s; a mount that is being ended may come before it. PAM modules wait for 60 s in all. */
const startTimeoutMs = 25_000;

/**
 * Homes that lie in the volume of a VO: mounted with an account's first session, unmounted when nobody uses them any more
 * (decisions/home-volumes.md). What is mounted is known from xos-helper's files alone, so that nothing is forgotten at a restart.
 */
export class HomeVolumes {
  readonly #options: HomeVolumesOptions;
  readonly #queues = new Map<number, SerialQueue>();

  constructor(options: HomeVolumesOptions) {
    this.#options = options;
  }

  /** Pool and static accounts have a home of their own on this host. */
  isFor({ kind, vo }: Pick<Assignment, 'kind' | 'vo'>): boolean {
    return kind === 'dynamic' && this.#options.volumeOf(vo) !== undefined;
  }

  /**
   * Mounts the home of an account that has a session proxy by now. Never throws: a person is better off with a session and no home.
   * @returns what the person is to be told; empty when the home is there
   */
  async start({ vo, uid, gid, login }: Assignment): Promise<string> {
    const { helper, logger, volumeOf } = this.#options;
    const volume = volumeOf(vo);
    if (volume === undefined) return '';
    const starting = this.#inTurn(uid, () =>
      helper.startHome({
        uid,
        gid,
        loginName: login,
        vo,
        volume: volume.volume,
        directory: volume.directory,
      }),
    );
    try {
      await within(starting, this.#options.startTimeoutMs ?? startTimeoutMs);
      return '';
    } catch (error) {
      logger.warning(
        events.homeNotMounted,
        `${login}: the home in volume ${volume.volume} is not mounted: ${reasonOf(error)}`,
        { loginName: login, userId: uid, volume: volume.volume, directory: volume.directory },
      );
      return isXosError(error, 'XOS_EXISTS')
        ? `Your home in the volume ${volume.volume} is not used, because a local one is in its place: ${reasonOf(error)}. Ask the administrator of this host to move its files.`
        : `Your home volume ${volume.volume} is not reachable: ${reasonOf(error)}. Your home directory is empty and cannot be written to; log in again later.`;
    }
  }

  /** Unmounts the home of an account that has neither sessions nor processes. Resolves when that is done or has failed. */
  async stopUnused(uid: number): Promise<void> {
    const { logger, processes, isInUse } = this.#options;
    if (!this.#isMounted(uid)) return;
    await this.#inTurn(uid, async () => {
      // Asked in turn: a session that opened meanwhile waits behind this and mounts again, or is seen here.
      if (isInUse(uid) || processes.hasUser(uid)) return;
      await this.#stop(uid);
    }).catch((error: unknown) => {
      logger.warning(
        events.homeNotUnmounted,
        `the home of uid ${uid} is not unmounted, tried again later: ${reasonOf(error)}`,
        { userId: uid },
      );
    });
  }

  /** Unmounts the home of an account whose processes were ended. @throws XosError of the helper */
  async stop(uid: number): Promise<void> {
    if (this.#isMounted(uid)) await this.#inTurn(uid, () => this.#stop(uid));
  }

  /** Unmounts what outlived its sessions: with processes that ended later, or while this daemon was away. */
  async reap(): Promise<void> {
    try {
      await Promise.all(this.#mountedUids().map((uid) => this.stopUnused(uid)));
    } catch (error) {
      this.#options.logger.warning(
        events.homeNotUnmounted,
        `which homes are mounted is not known: ${reasonOf(error)}`,
      );
    }
  }

  async #stop(uid: number): Promise<void> {
    const { helper, logger } = this.#options;
    const { stopped, problem } = await helper.stopHome(uid);
    if (problem !== undefined) {
      logger.error(
        events.homeDataInDoubt,
        `the home of uid ${uid} is unmounted, but not all that was written may be safe: ${problem}`,
        { userId: uid },
      );
    } else if (stopped) {
      logger.info(events.homeUnmounted, `the home of uid ${uid} is unmounted`, { userId: uid });
    }
  }

  #isMounted(uid: number): boolean {
    return existsSync(join(this.#options.directory(), `${uid}.env`));
  }

  #mountedUids(): readonly number[] {
    let names: readonly string[];
    try {
      names = readdirSync(this.#options.directory());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    return names.flatMap((name) => {
      const [, uid] = /^([1-9]\d{0,9})\.env$/.exec(name) ?? [];
      return uid === undefined ? [] : [Number(uid)];
    });
  }

  async #inTurn<Value>(uid: number, work: () => Promise<Value>): Promise<Value> {
    const queue = this.#queues.get(uid) ?? new SerialQueue();
    this.#queues.set(uid, queue);
    return await queue.run(work);
  }
}

/** The work goes on when nobody waits for it any more. */
async function within<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it took more than ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
