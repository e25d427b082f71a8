import { randomUUID } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import type { AccountDatabase } from './account-database.ts';
import {
  type Assignment,
  assignmentFromRow,
  type GroupRecord,
  groupFromRow,
  type Lease,
  leaseFromRow,
  type MemberRecord,
  memberFromRow,
  type SessionRecord,
  sessionFromRow,
  type VoRecord,
  voFromRow,
} from './account-records.ts';

export interface StoreCounts {
  readonly members: number;
  readonly leases: number;
  readonly sessions: number;
  readonly quarantined: number;
}

/**
 * Questions and single writes on accounts.db; what a membership list changes is in membership-application.ts. Writes
 * resolve when they are durable. SQLite is the only copy: nothing here can be behind the disk.
 */
export class AccountStore {
  readonly database: AccountDatabase;

  constructor(database: AccountDatabase) {
    this.database = database;
  }

  vos(): VoRecord[] {
    return this.database.all('SELECT * FROM vo ORDER BY vo').map(voFromRow);
  }

  vo(vo: string): VoRecord | undefined {
    const row = this.database.get('SELECT * FROM vo WHERE vo = ?', vo);
    return row && voFromRow(row);
  }

  voByAlias(alias: string): VoRecord | undefined {
    const row = this.database.get('SELECT * FROM vo WHERE alias = ?', alias);
    return row && voFromRow(row);
  }

  isSshCertificateRevoked(vo: string, serial: string): boolean {
    return (
      this.database.get(
        'SELECT 1 AS x FROM revoked_ssh_certificate WHERE vo = ? AND serial = ?',
        vo,
        serial,
      ) !== undefined
    );
  }

  /** Members past the end of their membership whose account is still leased. */
  membersEndedAt(nowMs: number): { vo: string; user: string }[] {
    return this.database
      .all(
        `SELECT member.vo, member.user FROM lease JOIN member ON member.vo = lease.vo AND member.user = lease.user
         WHERE lease.state = 'leased' AND member.not_after <= ?`,
        nowMs,
      )
      .map((row) => ({ vo: String(row['vo']), user: String(row['user']) }));
  }

  revokedSshSerials(vo: string): string[] {
    return this.database
      .all('SELECT serial FROM revoked_ssh_certificate WHERE vo = ?', vo)
      .map((row) => String(row['serial']));
  }

  member(vo: string, user: string): MemberRecord | undefined {
    const row = this.database.get('SELECT * FROM member WHERE vo = ? AND user = ?', vo, user);
    return row && memberFromRow(row);
  }

  memberCount(vo: string): number {
    return this.#count('SELECT count(*) AS n FROM member WHERE vo = ?', vo);
  }

  membersOf(vo: string): MemberRecord[] {
    return this.database.all('SELECT * FROM member WHERE vo = ? ORDER BY user', vo).map(memberFromRow);
  }

  byLogin(login: string): Assignment | undefined {
    const row = this.database.get('SELECT * FROM assignment WHERE login = ?', login);
    return row && assignmentFromRow(row);
  }

  /** Forward map. */
  byIdentity(vo: string, user: string): Assignment | undefined {
    const row = this.database.get('SELECT * FROM assignment WHERE vo = ? AND user = ?', vo, user);
    return row && assignmentFromRow(row);
  }

  /** Inverse map. */
  byUid(uid: number): Assignment | undefined {
    const row = this.database.get('SELECT * FROM assignment WHERE uid = ?', uid);
    return row && assignmentFromRow(row);
  }

  assignments(vo?: string): Assignment[] {
    const rows =
      vo === undefined
        ? this.database.all('SELECT * FROM assignment ORDER BY login')
        : this.database.all('SELECT * FROM assignment WHERE vo = ? ORDER BY login', vo);
    return rows.map(assignmentFromRow);
  }

  groups(vo: string): GroupRecord[] {
    return this.database
      .all('SELECT vo, path, gid FROM vo_group WHERE vo = ? ORDER BY path', vo)
      .map(groupFromRow);
  }

  group(vo: string, path: string): GroupRecord | undefined {
    const row = this.database.get('SELECT vo, path, gid FROM vo_group WHERE vo = ? AND path = ?', vo, path);
    return row && groupFromRow(row);
  }

  groupByGid(gid: number): GroupRecord | undefined {
    const row = this.database.get('SELECT vo, path, gid FROM vo_group WHERE gid = ?', gid);
    return row && groupFromRow(row);
  }

  leaseOf(vo: string, user: string): Lease | undefined {
    const row = this.database.get('SELECT * FROM lease WHERE vo = ? AND user = ?', vo, user);
    return row && leaseFromRow(row);
  }

  leases(): Lease[] {
    return this.database.all('SELECT * FROM lease ORDER BY login').map(leaseFromRow);
  }

  /** Leases that are to be cleaned up, also those that a crash interrupted. */
  endingLeases(): Lease[] {
    return this.database.all("SELECT * FROM lease WHERE state = 'ending'").map(leaseFromRow);
  }

  leasesExpiredAt(nowMs: number): Lease[] {
    return this.database
      .all("SELECT * FROM lease WHERE expires_at <= ? AND state = 'leased'", nowMs)
      .map(leaseFromRow);
  }

  /**
   * Leases the account that a member's name resolves to, or prolongs the lease there is. Resolves when durable.
   * Rejects with XOS_MEMBER_UNKNOWN, XOS_LEASE_CONFLICT while the account is being cleaned or is somebody else's.
   */
  lease(
    vo: string,
    user: string,
    nowMs: number,
    expiresAtMs: number,
  ): Promise<{ lease: Lease; made: boolean }> {
    return this.database.durably(() => {
      const assignment = this.byIdentity(vo, user);
      if (assignment === undefined) throw new XosError('XOS_MEMBER_UNKNOWN', { user, vo });
      const present = this.leaseOf(vo, user);
      if (present !== undefined)
        return { lease: this.#prolong(present, assignment, expiresAtMs), made: false };
      this.#refuseUidInUse(assignment);
      const lease: Lease = {
        leaseId: randomUUID(),
        vo,
        user,
        login: assignment.login,
        kind: assignment.kind,
        uid: assignment.uid,
        state: 'leased',
        leasedAtMs: nowMs,
        expiresAtMs,
      };
      this.database.run(
        `INSERT INTO lease (lease_id, vo, user, login, kind, uid, state, leased_at, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, 'leased', ?, ?)`,
        lease.leaseId,
        vo,
        user,
        lease.login,
        lease.kind,
        lease.uid,
        nowMs,
        expiresAtMs,
      );
      return { lease, made: true };
    });
  }

  /** Moves a lease's end; used while sessions keep it in use. */
  prolongLease(leaseId: string, expiresAtMs: number): Promise<void> {
    return this.database.durably(() => {
      this.database.run(
        'UPDATE lease SET expires_at = max(expires_at, ?) WHERE lease_id = ?',
        expiresAtMs,
        leaseId,
      );
    });
  }

  /** From here on the account takes no logins. Resolves with false when the lease is ending already or gone. */
  beginEnd(leaseId: string, reason: string): Promise<boolean> {
    return this.database.durably(
      () =>
        this.database.run(
          "UPDATE lease SET state = 'ending', reason = ? WHERE lease_id = ? AND state = 'leased'",
          reason,
          leaseId,
        ) > 0,
    );
  }

  /** After processes and leftovers are gone: the lease and its sessions are forgotten. */
  finishEnd(lease: Lease): Promise<void> {
    return this.database.durably(() => {
      this.database.run('DELETE FROM session WHERE vo = ? AND user = ?', lease.vo, lease.user);
      this.database.run("DELETE FROM lease WHERE lease_id = ? AND state = 'ending'", lease.leaseId);
    });
  }

  /**
   * Registers a session. Rejects with XOS_ACCOUNT_REFUSED when the lease ended meanwhile, so that no session can slip in
   * between the decision to end an account and its end.
   */
  openSession(session: SessionRecord): Promise<void> {
    return this.database.durably(() => {
      const lease = this.leaseOf(session.vo, session.user);
      if (lease?.state !== 'leased' || lease.uid !== session.uid) {
        throw new XosError('XOS_ACCOUNT_REFUSED', {
          user: session.login,
          attempt: 'open a session',
          reason: lease?.reason ?? 'the account is not leased',
        });
      }
      this.database.run(
        `INSERT INTO session (session_id, vo, user, login, uid, service, tty, remote_host, leader_pid, leader_start,
           opened_at, credential_expires_at, chain, ssh_serial) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        session.sessionId,
        session.vo,
        session.user,
        session.login,
        session.uid,
        session.service,
        session.tty,
        session.remoteHost,
        session.leaderPid,
        session.leaderStart,
        session.openedAtMs,
        session.credentialExpiresAtMs ?? null,
        session.chain ?? null,
        session.sshSerial ?? null,
      );
    });
  }

  setSessionKey(sessionId: string, keySerial: number): Promise<void> {
    return this.database.durably(() => {
      this.database.run('UPDATE session SET key_serial = ? WHERE session_id = ?', keySerial, sessionId);
    });
  }

  /** Resolves with the session that was closed, undefined when there is none. */
  closeSession(sessionId: string): Promise<SessionRecord | undefined> {
    return this.database.durably(() => {
      const session = this.session(sessionId);
      if (session !== undefined) this.database.run('DELETE FROM session WHERE session_id = ?', sessionId);
      return session;
    });
  }

  session(sessionId: string): SessionRecord | undefined {
    const row = this.database.get('SELECT * FROM session WHERE session_id = ?', sessionId);
    return row && sessionFromRow(row);
  }

  sessions(): SessionRecord[] {
    return this.database.all('SELECT * FROM session ORDER BY opened_at').map(sessionFromRow);
  }

  /** Newest first. */
  sessionsOf(vo: string, user: string): SessionRecord[] {
    return this.database
      .all('SELECT * FROM session WHERE vo = ? AND user = ? ORDER BY opened_at DESC', vo, user)
      .map(sessionFromRow);
  }

  /** Uids of those who left. */
  restingUids(vo?: string): { uid: number; vo: string; user: string; guid: string }[] {
    const rows =
      vo === undefined
        ? this.database.all("SELECT * FROM tombstone WHERE kind = 'uid' ORDER BY value")
        : this.database.all("SELECT * FROM tombstone WHERE kind = 'uid' AND vo = ? ORDER BY value", vo);
    return rows.map((row) => ({
      uid: Number(row['value']),
      vo: String(row['vo']),
      user: String(row['owner']),
      guid: String(row['guid']),
    }));
  }

  forgetTombstones(nowMs: number): Promise<number> {
    return this.database.durably(() => this.database.run('DELETE FROM tombstone WHERE until <= ?', nowMs));
  }

  counts(): StoreCounts {
    return {
      members: this.#count('SELECT count(*) AS n FROM member'),
      leases: this.#count('SELECT count(*) AS n FROM lease'),
      sessions: this.#count('SELECT count(*) AS n FROM session'),
      quarantined: this.#count("SELECT count(*) AS n FROM tombstone WHERE kind = 'uid'"),
    };
  }

  #prolong(lease: Lease, assignment: Assignment, expiresAtMs: number): Lease {
    if (lease.state === 'ending' || lease.uid !== assignment.uid) {
      throw new XosError('XOS_LEASE_CONFLICT', {
        account: `${assignment.login} (uid ${lease.uid})`,
        holder: `the clean-up of its last use (${lease.reason ?? 'mapping changed'})`,
        user: assignment.login,
      });
    }
    if (expiresAtMs <= lease.expiresAtMs) return lease;
    this.database.run('UPDATE lease SET expires_at = ? WHERE lease_id = ?', expiresAtMs, lease.leaseId);
    return { ...lease, expiresAtMs };
  }

  #refuseUidInUse(assignment: Assignment): void {
    const other = this.database.get('SELECT login FROM lease WHERE uid = ?', assignment.uid);
    if (other === undefined) return;
    throw new XosError('XOS_LEASE_CONFLICT', {
      account: `uid ${assignment.uid}`,
      holder: String(other['login']),
      user: assignment.login,
    });
  }

  #count(sql: string, ...values: string[]): number {
    return Number(this.database.get(sql, ...values)?.['n'] ?? 0);
  }
}
