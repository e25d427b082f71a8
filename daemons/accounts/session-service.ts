import { randomUUID } from 'node:crypto';
import { type Clock, type Logger, reasonOf, XosError } from '@xtreemos/base';
import type { Helper } from '@xtreemos/helper-client';
import type { AccessContext, AccountAccess, KnownAccount } from './account-access.ts';
import { events } from './account-events.ts';
import type { SessionRecord } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
import type { HomeVolumes } from './home-volumes.ts';
import type { SessionCredential, SessionProof } from './login-handle.ts';
import type { ProcessTable } from './process-table.ts';

export interface SessionServiceOptions {
  readonly store: AccountStore;
  readonly access: AccountAccess;
  readonly helper: Helper;
  readonly homes: HomeVolumes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly processes: ProcessTable;
  readonly leaseTimeMs: () => number;
  readonly onOpened: (session: SessionRecord) => void;
  readonly onClosed: (session: SessionRecord) => void;
}

/** What pam_xos gets for a session. */
export interface OpenedSession {
  readonly sessionId: string;
  /** Absent: this session has no credential. */
  readonly credential?: SessionCredential;
  /** NAME=value. */
  readonly environment: readonly string[];
  /** For the person; may be empty. */
  readonly message: string;
  /**
   * Resolves when the leader is in the session's cgroup and the account still in use: nobody is told that the session is open
   * before. Rejects when the helper is gone or the account ended meanwhile; the session is to be closed then.
   */
  readonly placed: Promise<void>;
}

/** How long a logout waits for its home to be unmounted, which goes on in the background. */
const homeWaitMs = 5000;

/** A helper that was at work for a daemon which died may finish some seconds after the next one has looked. */
const strayRounds = 5;

/** Opens and closes sessions; who asks was judged before. */
export class SessionService {
  readonly #options: SessionServiceOptions;
  /** Credentials of live sessions, for `su` by root and cron; lost at a restart, whereupon those get none. */
  readonly #proofs = new Map<string, SessionProof>();
  /** Sessions that may have files already and no record yet, with the uid of each. */
  readonly #opening = new Map<string, number>();
  readonly #closing = new Set<string>();
  /** Rounds of reaping that still look for stray files: they come from a crash, or from a removal that failed. */
  #strayRounds = strayRounds;

  constructor(options: SessionServiceOptions) {
    this.#options = options;
  }

  /**
   * Opens a session led by process `leaderPid` (0 when it cannot be seen from here). Whatever was made is undone when a
   * later part fails.
   * @throws XosError of the access decision, the lease, or the helper
   */
  async open(
    account: KnownAccount,
    context: AccessContext,
    leaderPid: number,
    proof: SessionProof = {},
  ): Promise<OpenedSession> {
    const { access, helper, homes, store, clock, logger, processes, onOpened } = this.#options;
    const { assignment, member } = account;
    access.check(account, 'session', context);
    const lease = await access.lease(account);
    const sessionId = randomUUID();
    const { uid, gid, login, vo, user } = assignment;
    const source = proof.credential === undefined ? this.#newestProof(vo, user) : proof;
    const credential = source?.credential;
    const sshSerial = proof.sshSerial ?? source?.sshSerial;
    const leaderStart = processes.startTime(leaderPid) ?? '';
    let proxyPath: string | undefined;
    let message = '';
    const session: SessionRecord = {
      sessionId,
      vo,
      user,
      login,
      uid: lease.uid,
      service: context.service,
      tty: context.tty,
      remoteHost: context.remoteHost,
      leaderPid,
      leaderStart,
      openedAtMs: clock.nowMs(),
      ...(credential === undefined
        ? {}
        : { credentialExpiresAtMs: credential.expiresAtMs, chain: credential.chain }),
      ...(sshSerial === undefined ? {} : { sshSerial }),
    };
    this.#opening.set(sessionId, uid);
    const writing = credential && helper.writeSession({ uid, gid, sessionId }, Buffer.from(credential.pem));
    // Moving a process into a cgroup takes the kernel up to 10 ms (an RCU grace period): it goes on while the module adds the
    // key. After the files, because the helper does one thing at a time for a uid.
    const placed = Promise.allSettled([writing]).then(() =>
      this.#place(leaderPid, leaderStart, uid, sessionId, login),
    );
    placed.catch(() => undefined);
    try {
      const isLocal = !homes.isFor(assignment);
      const [, written] = await allDone([
        assignment.kind === 'dynamic' && isLocal
          ? helper.makeHome({ uid, gid, loginName: login })
          : undefined,
        writing,
      ] as const);
      proxyPath = written?.proxyPath;
      // After the proxy, which it is mounted with.
      if (!isLocal) message = await homes.start(assignment);
      // After the files, so that an account that ends meanwhile leaves none behind.
      await store.openSession(session);
      if (source !== undefined) this.#proofs.set(sessionId, source);
      logger.info(events.sessionOpened, `${login}: session ${sessionId} opened by ${context.service}`, {
        loginName: login,
        userId: uid,
        sessionId,
        service: context.service,
        remoteHost: context.remoteHost,
      });
      onOpened(session);
    } catch (error) {
      await placed.catch(() => undefined);
      await helper.removeSession({ uid, sessionId }).catch((cleanUp: unknown) => {
        this.#strayRounds = strayRounds;
        logger.warning(events.sessionProblem, `session files of ${login} stay behind: ${reasonOf(cleanUp)}`);
      });
      throw error;
    } finally {
      this.#opening.delete(sessionId);
    }
    const fqans = credential?.fqans ?? member.fqans;
    const confirmed = placed.then(() => this.#confirm(session));
    confirmed.catch(() => undefined);
    return {
      sessionId,
      placed: confirmed,
      message,
      ...(credential === undefined ? {} : { credential }),
      environment: [
        `XOS_VO=${vo}`,
        `XOS_USER=${user}@${vo}`,
        `XOS_GUID=${member.guid}`,
        `XOS_FQANS=${fittingFqans(fqans)}`,
        `XOS_SESSION_ID=${sessionId}`,
        ...(proxyPath === undefined ? [] : [`X509_USER_PROXY=${proxyPath}`]),
      ],
    };
  }

  /** Notes the kernel key that pam_xos made. Only the connection that opened the session may say it. */
  setKey(sessionId: string, keySerial: number): Promise<void> {
    return this.#options.store.setSessionKey(sessionId, keySerial);
  }

  /** Whether the account has a session that is open, or being opened. */
  isInUse(uid: number): boolean {
    return (
      [...this.#opening.values()].includes(uid) ||
      this.#options.store
        .sessions()
        .some((session) => session.uid === uid && !this.#closing.has(session.sessionId))
    );
  }

  /** Undoes what `open` did. Closing twice, or what nobody knows, is no error: PAM may do either. */
  async close(sessionId: string): Promise<void> {
    const session = this.#options.store.session(sessionId);
    if (session === undefined) return;
    this.#closing.add(sessionId);
    try {
      await this.#close(session);
    } finally {
      this.#closing.delete(sessionId);
    }
  }

  async #close(session: SessionRecord): Promise<void> {
    const { store, helper, homes, logger, onClosed, clock, leaseTimeMs } = this.#options;
    const { sessionId } = session;
    this.#proofs.delete(sessionId);
    // Before the files: what is not written yet may need the proxy. Longer than this no logout waits for a server.
    await soon(homes.stopUnused(session.uid), homeWaitMs);
    // Files and key go first: should one fail, the session is still known and reaping tries again.
    await allDone([
      session.keySerial === undefined ? undefined : helper.revokeKeys([session.keySerial]),
      helper.removeSession({ uid: session.uid, sessionId }),
    ]);
    const lease = store.leaseOf(session.vo, session.user);
    // In one commit.
    await Promise.all([
      store.closeSession(sessionId),
      lease?.state === 'leased'
        ? store.prolongLease(lease.leaseId, clock.nowMs() + leaseTimeMs())
        : undefined,
    ]);
    logger.info(events.sessionClosed, `${session.login}: session ${sessionId} closed`, {
      loginName: session.login,
      userId: session.uid,
      sessionId,
    });
    onClosed(session);
  }

  /** Closes sessions whose leader died without saying so, and removes session files that no session has. */
  async reap(): Promise<void> {
    await this.#reapLeaderless();
    if (this.#strayRounds === 0) return;
    this.#strayRounds--;
    await this.#removeStrayFiles().catch((error: unknown) => {
      const { logger } = this.#options;
      this.#strayRounds = strayRounds;
      logger.warning(events.sessionProblem, `stray session files are looked for later: ${reasonOf(error)}`);
    });
  }

  async #reapLeaderless(): Promise<void> {
    const { store, logger, processes } = this.#options;
    for (const session of store.sessions()) {
      if (session.leaderPid === 0 || session.leaderStart === '') continue;
      if (processes.startTime(session.leaderPid) === session.leaderStart) continue;
      logger.info(
        events.sessionReaped,
        `${session.login}: the leader of session ${session.sessionId} is gone`,
        {
          loginName: session.login,
          sessionId: session.sessionId,
        },
      );
      await this.close(session.sessionId).catch((error: unknown) => {
        logger.warning(
          events.sessionProblem,
          `${session.login}: closing failed, tried again later: ${reasonOf(error)}`,
        );
      });
    }
  }

  /** Forgets what memory holds of a session that was ended with its account. */
  forget(sessionId: string): void {
    this.#proofs.delete(sessionId);
  }

  /** A daemon killed between writing the files and recording the session left them; the helper may finish them only later. */
  async #removeStrayFiles(): Promise<void> {
    const { store, helper, logger } = this.#options;
    for (let afterUid = 0, isMore = true; isMore; ) {
      const page = await helper.listSessions(afterUid);
      isMore = page.isMore;
      for (const { uid, sessionId } of page.sessions) {
        afterUid = uid;
        if (this.#opening.has(sessionId) || store.session(sessionId) !== undefined) continue;
        await helper.removeSession({ uid, sessionId });
        logger.info(events.sessionReaped, `removed files of session ${sessionId}, which nobody has open`, {
          userId: uid,
          sessionId,
        });
      }
    }
  }

  #newestProof(vo: string, user: string): SessionProof | undefined {
    const { store, clock } = this.#options;
    return store
      .sessionsOf(vo, user)
      .map(({ sessionId }) => this.#proofs.get(sessionId))
      .find((proof) => (proof?.credential?.expiresAtMs ?? 0) > clock.nowMs());
  }

  /** Who ends an account marks its lease, then kills the cgroups: a leader placed after that is not let in. */
  #confirm({ sessionId, vo, user, login }: SessionRecord): void {
    const { store } = this.#options;
    const lease = store.leaseOf(vo, user);
    if (lease?.state === 'leased' && store.session(sessionId) !== undefined) return;
    throw new XosError('XOS_ACCOUNT_REFUSED', {
      user: login,
      attempt: 'open a session',
      reason: lease?.reason ?? 'the account ended meanwhile',
    });
  }

  /** Without a cgroup the account's processes are still found by their uid, so this alone keeps nobody out. */
  async #place(pid: number, startTime: string, uid: number, sessionId: string, login: string): Promise<void> {
    const { helper, logger } = this.#options;
    if (pid === 0 || startTime === '') return;
    try {
      await helper.placeProcess({ pid, startTime: Number(startTime), uid, sessionId });
    } catch (error) {
      if (error instanceof XosError && error.code === 'XOS_UNREACHABLE') throw error;
      logger.warning(
        events.sessionProblem,
        `${login}: session not placed into a cgroup: ${reasonOf(error)}`,
        {
          loginName: login,
          sessionId,
        },
      );
    }
  }
}

/**
 * Waits for all of them, whatever fails, so that what comes next meets none of them still at work.
 * @throws what the first in the list that failed threw
 */
async function allDone<const Work extends readonly unknown[]>(
  work: Work,
): Promise<{ -readonly [Index in keyof Work]: Awaited<Work[Index]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Waits for work that never fails, for so long at most. */
async function soon(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Environment entries hold 4096 bytes; the primary FQAN comes first and is what stays. */
function fittingFqans(fqans: readonly string[]): string {
  const kept: string[] = [];
  let bytes = 'XOS_FQANS='.length;
  for (const fqan of fqans) {
    bytes += Buffer.byteLength(fqan) + 1;
    if (bytes > 4000) break;
    kept.push(fqan);
  }
  return kept.join(':');
}
