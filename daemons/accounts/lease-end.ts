import { type Logger, reasonOf } from '@xtreemos/base';
import type { Helper } from '@xtreemos/helper-client';
import { events } from './account-events.ts';
import type { Lease } from './account-records.ts';
import type { AccountStore } from './account-store.ts';

export interface LeaseEndOptions {
  readonly store: AccountStore;
  readonly helper: Helper;
  /** Unmounts the home of an account, if it is mounted. */
  readonly unmountHome: (uid: number) => Promise<void>;
  readonly logger: Logger;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Called when an account is clean; the reason is the lease's. */
  readonly onEnded: (lease: Lease, reason: string) => void;
  readonly onSessionGone: (sessionId: string) => void;
}

/** Accounts cleaned at once: a VO that this host left must not have 10,000 processes of the helper's at work. */
const CONCURRENCY = 4;

/**
 * Cleans up after leases in state `ending`: processes, keys, session files, leftovers. The state is on the disk, so a
 * clean-up that a crash or an unreachable helper interrupted goes on later, and nobody logs in before it is done.
 */
export class LeaseEnd {
  readonly #options: LeaseEndOptions;
  readonly #stopped = new AbortController();
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: LeaseEndOptions) {
    this.#options = options;
  }

  /** Stops logins of a lease and starts its clean-up. Resolves when the account is clean. */
  async end(lease: Lease, reason: string): Promise<void> {
    const { store, logger } = this.#options;
    if (await store.beginEnd(lease.leaseId, reason)) {
      logger.notice(events.leaseEnding, `${lease.login}: ending its account, ${reason}`, fieldsOf(lease));
    }
    await this.cleanAll();
  }

  /** Takes up every lease that is to be cleaned; resolves when the ones known now are clean, or on `stop`. */
  async cleanAll(): Promise<void> {
    const leases = this.#options.store.endingLeases();
    const wanted = leases.map((lease) => lease.leaseId);
    for (const lease of leases) {
      while (!this.#running.has(lease.leaseId) && this.#running.size >= CONCURRENCY) {
        await Promise.race(this.#running.values());
      }
      if (this.#stopped.signal.aborted) return;
      if (!this.#running.has(lease.leaseId)) this.#start(lease);
    }
    await Promise.all(wanted.flatMap((leaseId) => this.#running.get(leaseId) ?? []));
  }

  /** Ends the waiting; clean-ups that are not done go on at the next start. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running.values());
  }

  #start(lease: Lease): void {
    const done = this.#cleanUntilDone(lease).finally(() => this.#running.delete(lease.leaseId));
    this.#running.set(lease.leaseId, done);
  }

  async #cleanUntilDone(lease: Lease): Promise<void> {
    const { logger, sleep, onEnded } = this.#options;
    for (let waitMs = 1000; !this.#stopped.signal.aborted; waitMs = Math.min(waitMs * 2, 30_000)) {
      try {
        await this.#clean(lease);
        const reason = lease.reason ?? 'ended';
        logger.info(events.leaseEnded, `${lease.login}: its account is clean`, fieldsOf(lease));
        onEnded(lease, reason);
        return;
      } catch (error) {
        logger.warning(
          events.cleanUpFailed,
          `${lease.login}: clean-up of uid ${lease.uid} failed, trying again in ${waitMs / 1000} s: ${reasonOf(error)}`,
          { ...fieldsOf(lease), error: error instanceof Error ? error : null },
        );
        await sleep(waitMs, this.#stopped.signal);
      }
    }
  }

  async #clean(lease: Lease): Promise<void> {
    const { store, helper, unmountHome, onSessionGone } = this.#options;
    const sessions = store.sessionsOf(lease.vo, lease.user);
    const { processesLeft } = await helper.endAccount(lease.uid);
    if (processesLeft > 0) throw new Error(`${processesLeft} processes cannot be ended`);
    await unmountHome(lease.uid);
    const keys = sessions.flatMap(({ keySerial }) => (keySerial === undefined ? [] : [keySerial]));
    for (let start = 0; start < keys.length; start += 256)
      await helper.revokeKeys(keys.slice(start, start + 256));
    for (const { uid, sessionId } of sessions) await helper.removeSession({ uid, sessionId });
    const swept = await helper.sweep({ uid: lease.uid, loginName: lease.login });
    if (!swept.complete || swept.problems.length > 0) {
      throw new Error(swept.problems[0] ?? 'the sweep ran out of time');
    }
    await store.finishEnd(lease);
    for (const { sessionId } of sessions) onSessionGone(sessionId);
  }
}

function fieldsOf(lease: Lease) {
  return { loginName: lease.login, userId: lease.uid, leaseId: lease.leaseId, reason: lease.reason };
}
