import type { Account, AccountFilter, AccountSession } from '@xtreemos/accounts-client';
import { XosError } from '@xtreemos/base';
import type { Assignment, SessionRecord } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
import { parseGlobalUserId } from './member-names.ts';
import { type AccountLook, homeOf, shellOf } from './nss-map.ts';

/** Who is which account on this host, both ways. Look-ups only: nothing is made, and no account is leased by asking. */
export interface AccountMap {
  /** By login name or global user id. @throws XosError XOS_NOT_FOUND */
  account(name: string): Account;
  /** Inverse map. @throws XosError XOS_NOT_FOUND */
  accountByUid(uid: number): Account;
  /** Forward map, by global user id. @throws XosError XOS_NOT_FOUND, XOS_INPUT_BAD */
  mapIdentity(globalUserId: string): Account;
  /** In the order of the login names; those that rest come last. */
  listAccounts(filter: AccountFilter): readonly Account[];
  /** Of one login name, or all when it is empty. */
  sessions(login: string): readonly AccountSession[];
}

export function createAccountMap(store: AccountStore, look: () => AccountLook): AccountMap {
  const viewOf = (assignment: Assignment | undefined, what: string, name: string): Account => {
    if (assignment === undefined) throw new XosError('XOS_NOT_FOUND', { what, name });
    return accountView(store, assignment, look());
  };
  return {
    account(name) {
      const identity = parseGlobalUserId(name);
      const assignment = store.byLogin(name) ?? (identity && store.byIdentity(identity.vo, identity.user));
      return viewOf(assignment, 'account', name);
    },
    accountByUid: (uid) => viewOf(store.byUid(uid), 'account with uid', String(uid)),
    mapIdentity(globalUserId) {
      const identity = parseGlobalUserId(globalUserId);
      if (identity === undefined) {
        const reason = 'expected user@vo';
        throw new XosError('XOS_INPUT_BAD', { what: 'Global user id', where: globalUserId, reason });
      }
      return viewOf(store.byIdentity(identity.vo, identity.user), 'account of', globalUserId);
    },
    listAccounts: (filter) => listAccounts(store, look(), filter),
    sessions: (login) =>
      store
        .sessions()
        .filter((session) => login === '' || session.login === login)
        .map(sessionView),
  };
}

/** An account as administrators see it. */
function accountView(store: AccountStore, assignment: Assignment, look: AccountLook): Account {
  const { vo, user } = assignment;
  const lease = store.leaseOf(vo, user);
  return {
    login: assignment.login,
    globalUserId: `${user}@${vo}`,
    vo,
    user,
    guid: assignment.guid,
    uid: assignment.uid,
    gid: assignment.gid,
    home: homeOf(assignment, look),
    shell: shellOf(assignment, look),
    kind: assignment.kind,
    localName: assignment.localName,
    state: lease?.state ?? 'assigned',
    fqans: store.member(vo, user)?.fqans ?? [],
    ...(lease === undefined
      ? {}
      : { leaseId: lease.leaseId, leasedAtMs: lease.leasedAtMs, expiresAtMs: lease.expiresAtMs }),
  };
}

/** Quarantined accounts are those whose member is gone. */
function listAccounts(store: AccountStore, look: AccountLook, filter: AccountFilter): Account[] {
  const vo = filter.vo === undefined ? undefined : (store.voByAlias(filter.vo)?.vo ?? filter.vo);
  const present = store.assignments(vo).map((assignment) => accountView(store, assignment, look));
  const resting = store.restingUids(vo).map(
    ({ uid, guid, user, vo: formerVo }): Account => ({
      login: `${user}@${store.vo(formerVo)?.alias ?? formerVo}`,
      globalUserId: `${user}@${formerVo}`,
      vo: formerVo,
      user,
      guid,
      uid,
      gid: uid,
      home: '',
      shell: '',
      kind: 'dynamic',
      localName: '',
      state: 'quarantined',
      fqans: [],
    }),
  );
  return [...present, ...resting].filter(({ state }) => filter.state === undefined || state === filter.state);
}

function sessionView(session: SessionRecord): AccountSession {
  return {
    sessionId: session.sessionId,
    login: session.login,
    globalUserId: `${session.user}@${session.vo}`,
    uid: session.uid,
    service: session.service,
    tty: session.tty,
    remoteHost: session.remoteHost,
    leaderPid: session.leaderPid,
    openedAtMs: session.openedAtMs,
    ...(session.credentialExpiresAtMs === undefined
      ? {}
      : { credentialExpiresAtMs: session.credentialExpiresAtMs }),
  };
}
