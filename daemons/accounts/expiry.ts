import type { Clock, Logger } from '@xtreemos/base';
import { events } from './account-events.ts';
import type { AccountStore } from './account-store.ts';
import type { LeaseEnd } from './lease-end.ts';

export interface ExpiryOptions {
  readonly store: AccountStore;
  readonly leaseEnd: LeaseEnd;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseTimeMs: () => number;
  /** What becomes of a session whose credential or lease ended. */
  readonly expiredSession: () => 'keep' | 'end';
}

/**
 * One round over what time ends: memberships, leases, session credentials, tombstones. Clean-ups go on in the background;
 * the round resolves when everything that is to end takes no logins any more.
 */
export async function expire(options: ExpiryOptions): Promise<void> {
  const { store, leaseEnd, clock, leaseTimeMs, expiredSession } = options;
  const nowMs = clock.nowMs();
  const isKept = expiredSession() === 'keep';
  await store.forgetTombstones(nowMs);
  for (const lease of store.leasesExpiredAt(nowMs)) {
    const isInUse = store.sessionsOf(lease.vo, lease.user).length > 0;
    if (isInUse && isKept) await store.prolongLease(lease.leaseId, nowMs + leaseTimeMs());
    else end(options, lease.vo, lease.user, 'the lease expired');
  }
  for (const { vo, user } of store.membersEndedAt(nowMs)) end(options, vo, user, 'the membership ended');
  if (!isKept) {
    for (const session of store.sessions()) {
      const endsMs = session.credentialExpiresAtMs;
      if (endsMs !== undefined && endsMs <= nowMs) {
        end(options, session.vo, session.user, `the credential of session ${session.sessionId} expired`);
      }
    }
  }
  // Also what a crash or a helper out of reach left unfinished.
  void leaseEnd.cleanAll();
}

function end({ store, leaseEnd, logger }: ExpiryOptions, vo: string, user: string, reason: string): void {
  const lease = store.leaseOf(vo, user);
  if (lease?.state !== 'leased') return;
  leaseEnd.end(lease, reason).catch((error: unknown) => {
    logger.error(events.cleanUpFailed, `${lease.login}: ${String(error)}`);
  });
}
