import type { AccountKind } from '@xtreemos/accounts-client';
import type { Row } from './account-database.ts';

/** A line of a VO's signed membership list, as stored. */
export interface MemberRecord {
  readonly vo: string;
  readonly user: string;
  readonly guid: string;
  /** The primary FQAN first. */
  readonly fqans: readonly string[];
  /** End of the membership; open when absent. */
  readonly notAfterMs?: number;
  /** Why the member has no account on this host, one sentence. */
  readonly refusal?: string;
}

/** The local account that a member's login name resolves to. */
export interface Assignment {
  readonly vo: string;
  readonly user: string;
  readonly guid: string;
  readonly login: string;
  readonly kind: AccountKind;
  /** Local account of a static or pool mapping, else empty. */
  readonly localName: string;
  readonly uid: number;
  readonly gid: number;
  /** Of the local account; absent for dynamic accounts, whose home and shell follow the site's configuration. */
  readonly home?: string;
  readonly shell?: string;
}

export interface Lease {
  readonly leaseId: string;
  readonly vo: string;
  readonly user: string;
  readonly login: string;
  readonly kind: AccountKind;
  readonly uid: number;
  /** `ending`: no new logins; processes are killed and leftovers swept, after which the lease is gone. */
  readonly state: 'leased' | 'ending';
  readonly reason?: string;
  readonly leasedAtMs: number;
  readonly expiresAtMs: number;
}

export interface SessionRecord {
  readonly sessionId: string;
  readonly vo: string;
  readonly user: string;
  readonly login: string;
  readonly uid: number;
  readonly service: string;
  readonly tty: string;
  readonly remoteHost: string;
  readonly leaderPid: number;
  /** Field 22 of /proc/PID/stat, so that a reused pid is not taken for the leader; empty when it was not readable. */
  readonly leaderStart: string;
  readonly openedAtMs: number;
  readonly credentialExpiresAtMs?: number;
  /** Kernel key that holds the credential; absent when the module made none. */
  readonly keySerial?: number;
  /** PEM chain of the person's certificate behind the session, judged again whenever a CRL arrives. */
  readonly chain?: string;
  /** Decimal serial of the SSH certificate that logged in. */
  readonly sshSerial?: string;
}

export interface VoRecord {
  readonly vo: string;
  readonly alias: string;
  /** Version of the list in force. */
  readonly version: number;
  readonly listExpiresAtMs: number;
}

export interface GroupRecord {
  readonly vo: string;
  readonly path: string;
  readonly gid: number;
}

export function memberFromRow(row: Row): MemberRecord {
  const notAfterMs = row['not_after'];
  const refusal = row['refusal'];
  return {
    vo: String(row['vo']),
    user: String(row['user']),
    guid: String(row['guid']),
    fqans: JSON.parse(String(row['fqans'])) as string[],
    ...(notAfterMs === null ? {} : { notAfterMs: Number(notAfterMs) }),
    ...(refusal === null ? {} : { refusal: String(refusal) }),
  };
}

export function assignmentFromRow(row: Row): Assignment {
  return {
    vo: String(row['vo']),
    user: String(row['user']),
    guid: String(row['guid']),
    login: String(row['login']),
    kind: row['kind'] as AccountKind,
    localName: String(row['local_name']),
    uid: Number(row['uid']),
    gid: Number(row['gid']),
    ...(row['home'] === null ? {} : { home: String(row['home']) }),
    ...(row['shell'] === null ? {} : { shell: String(row['shell']) }),
  };
}

export function leaseFromRow(row: Row): Lease {
  return {
    leaseId: String(row['lease_id']),
    vo: String(row['vo']),
    user: String(row['user']),
    login: String(row['login']),
    kind: row['kind'] as AccountKind,
    uid: Number(row['uid']),
    state: row['state'] as Lease['state'],
    ...(row['reason'] === null ? {} : { reason: String(row['reason']) }),
    leasedAtMs: Number(row['leased_at']),
    expiresAtMs: Number(row['expires_at']),
  };
}

export function sessionFromRow(row: Row): SessionRecord {
  return {
    sessionId: String(row['session_id']),
    vo: String(row['vo']),
    user: String(row['user']),
    login: String(row['login']),
    uid: Number(row['uid']),
    service: String(row['service']),
    tty: String(row['tty']),
    remoteHost: String(row['remote_host']),
    leaderPid: Number(row['leader_pid']),
    leaderStart: String(row['leader_start']),
    openedAtMs: Number(row['opened_at']),
    ...(row['credential_expires_at'] === null
      ? {}
      : { credentialExpiresAtMs: Number(row['credential_expires_at']) }),
    ...(row['key_serial'] === null ? {} : { keySerial: Number(row['key_serial']) }),
    ...(row['chain'] === null ? {} : { chain: String(row['chain']) }),
    ...(row['ssh_serial'] === null ? {} : { sshSerial: String(row['ssh_serial']) }),
  };
}

export function voFromRow(row: Row): VoRecord {
  return {
    vo: String(row['vo']),
    alias: String(row['alias']),
    version: Number(row['version']),
    listExpiresAtMs: Number(row['list_expires_at']),
  };
}

export function groupFromRow(row: Row): GroupRecord {
  return { vo: String(row['vo']), path: String(row['path']), gid: Number(row['gid']) };
}
