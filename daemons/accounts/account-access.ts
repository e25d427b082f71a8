import { type Clock, type Logger, XosError } from '@xtreemos/base';
import { activeMembersPolicy, decide, type PolicyEvaluator } from '@xtreemos/policy';
import { events } from './account-events.ts';
import type { Assignment, Lease, MemberRecord } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
import { parseLoginName } from './member-names.ts';

/** Who asks, as PAM says. */
export interface AccessContext {
  readonly service: string;
  readonly tty: string;
  readonly remoteHost: string;
}

export interface KnownAccount {
  readonly assignment: Assignment;
  readonly member: MemberRecord;
}

export interface AccountAccessOptions {
  readonly store: AccountStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sitePolicy: () => PolicyEvaluator;
  readonly leaseTimeMs: () => number;
  readonly onLeased: (lease: Lease) => void;
}

/** Membership, policy, lease: what stands between a login name and its account. */
export class AccountAccess {
  readonly #options: AccountAccessOptions;

  constructor(options: AccountAccessOptions) {
    this.#options = options;
  }

  /** The member and the account of a login name; undefined when there is none. Never makes anything. */
  find(login: string): KnownAccount | undefined {
    if (parseLoginName(login) === undefined) return undefined;
    const { store } = this.#options;
    const assignment = store.byLogin(login);
    const member = assignment && store.member(assignment.vo, assignment.user);
    return member !== undefined && member.guid === assignment?.guid ? { assignment, member } : undefined;
  }

  /** Why a name that is spelled right has no account here, for the log and root; undefined when nothing is known of it. */
  whyUnknown(login: string): string | undefined {
    const name = parseLoginName(login);
    const vo = name && this.#options.store.voByAlias(name.alias);
    return vo && name && this.#options.store.member(vo.vo, name.user)?.refusal;
  }

  /**
   * Asks membership and both policies.
   * @throws XosError XOS_MEMBERSHIP_STALE, XOS_MEMBER_EXPIRED or XOS_ACCOUNT_REFUSED with the reason, which is logged
   */
  check({ assignment, member }: KnownAccount, action: 'login' | 'session', context: AccessContext): void {
    const { store, clock, logger, sitePolicy } = this.#options;
    const nowMs = clock.nowMs();
    const { login, vo, user } = assignment;
    const listExpiresAtMs = store.vo(vo)?.listExpiresAtMs ?? 0;
    const isStale = listExpiresAtMs <= nowMs;
    const hasEnded = member.notAfterMs !== undefined && member.notAfterMs <= nowMs;
    const decision = decide(activeMembersPolicy(vo), sitePolicy(), {
      principal: {
        globalUserId: `${user}@${vo}`,
        vo,
        user,
        login,
        guid: member.guid,
        fqans: member.fqans,
        activeMember: !isStale && !hasEnded,
      },
      action,
      service: context.service,
      remoteHost: context.remoteHost,
      atMs: nowMs,
    });
    if (decision.allowed) return;
    logger.notice(events.accessRefused, `${login} refused: ${decision.reason}`, {
      loginName: login,
      service: context.service,
      refusedBy: decision.refusedBy,
    });
    if (decision.refusedBy === 'vo' && isStale) {
      throw new XosError('XOS_MEMBERSHIP_STALE', { vo, expiredAt: isoTime(listExpiresAtMs) });
    }
    if (decision.refusedBy === 'vo' && hasEnded) {
      throw new XosError('XOS_MEMBER_EXPIRED', { user, vo, expiredAt: isoTime(member.notAfterMs ?? 0) });
    }
    throw new XosError('XOS_ACCOUNT_REFUSED', { user: login, attempt: 'log in', reason: decision.reason });
  }

  /** Makes or prolongs the lease; resolves when it is durable. */
  async lease({ assignment }: KnownAccount): Promise<Lease> {
    const { store, clock, logger, leaseTimeMs, onLeased } = this.#options;
    const nowMs = clock.nowMs();
    const { lease, made } = await store.lease(assignment.vo, assignment.user, nowMs, nowMs + leaseTimeMs());
    if (made) {
      logger.info(events.leaseMade, `${lease.login} leased uid ${lease.uid}`, {
        loginName: lease.login,
        userId: lease.uid,
        leaseId: lease.leaseId,
        accountKind: lease.kind,
      });
      onLeased(lease);
    }
    return lease;
  }
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
