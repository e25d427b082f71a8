import type { Account, AccountFilter, AccountSession } from '@xtreemos/accounts-client';
import type { Assignment, SessionRecord } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
import { type AccountLook, homeOf, shellOf } from './nss-map.ts';

/** An account as administrators see it. */
export function accountView(store: AccountStore, assignment: Assignment, look: AccountLook): Account {
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

/** Accounts in the order of their logins; quarantined ones are those whose member is gone. */
export function listAccounts(store: AccountStore, look: AccountLook, filter: AccountFilter): Account[] {
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

export function sessionView(session: SessionRecord): AccountSession {
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
