import type { MemberStatus, RevocationReason } from '@xtreemos/vo-client';

/**
 * Rows as they stand in the database; migrations.ts makes the tables. Times are milliseconds since the epoch, flags
 * and counts integers, lists JSON text: the same in SQLite and PostgreSQL.
 */
export interface DatabaseSchema {
  readonly trust_domain: TrustDomainRow;
  readonly authority: AuthorityRow;
  readonly vo: VoRow;
  readonly member: MemberRow;
  readonly vo_group: GroupRow;
  readonly group_member: GroupMemberRow;
  readonly role_holder: RoleHolderRow;
  readonly one_time_token: OneTimeTokenRow;
  readonly node: NodeRow;
  readonly certificate: CertificateRow;
  readonly audit: AuditRow;
}

export interface TrustDomainRow {
  readonly name: string;
  readonly root_offline: number;
  readonly created_at: number;
}

export type AuthorityRowKind = 'root' | 'services' | 'cda' | 'rca';

export interface AuthorityRow {
  /** Lower-case hex SHA-256 of the certificate. */
  readonly fingerprint: string;
  readonly kind: AuthorityRowKind;
  readonly domain: string;
  /** Null for root and services. */
  readonly vo: string | null;
  readonly certificate: string;
  readonly serial: string;
  readonly not_after: number;
  readonly crl: string;
  readonly crl_number: number;
  readonly crl_this_update: number;
  readonly crl_next_update: number;
  readonly revoked_at: number | null;
}

export interface VoRow {
  readonly id: string;
  readonly description: string;
  readonly domain: string;
  readonly ssh_ca: string;
  readonly membership_version: number;
  readonly crl_version: number;
  readonly created_at: number;
  /** A destroyed VO keeps its row: its id is never given to another. */
  readonly destroyed_at: number | null;
}

export interface MemberRow {
  readonly vo: string;
  readonly user: string;
  readonly guid: string;
  readonly status: MemberStatus;
  readonly full_name: string;
  readonly email: string;
  readonly message: string;
  readonly expires_at: number | null;
  /** password-hash.ts's text, null when none was set. */
  readonly password: string | null;
  readonly created_at: number;
}

export interface GroupRow {
  readonly vo: string;
  readonly path: string;
  readonly description: string;
}

export interface GroupMemberRow {
  readonly vo: string;
  readonly path: string;
  readonly user: string;
}

export interface RoleHolderRow {
  readonly vo: string;
  /** '' is the VO itself. */
  readonly path: string;
  readonly role: string;
  readonly user: string;
}

export interface OneTimeTokenRow {
  /** Hex SHA-256 of the token. */
  readonly hash: string;
  readonly kind: 'enrolment' | 'node';
  readonly vo: string;
  /** Kind enrolment. */
  readonly user: string | null;
  /** Kind node: the only host name it fits, null for any. */
  readonly hostname: string | null;
  /** Kind node: JSON list. */
  readonly roles: string;
  readonly created_at: number;
  readonly expires_at: number;
  readonly used_at: number | null;
}

export interface NodeRow {
  readonly vo: string;
  readonly hostname: string;
  readonly guid: string;
  readonly status: 'active' | 'left' | 'revoked';
  /** JSON list. */
  readonly roles: string;
  readonly joined_at: number;
  readonly last_seen_at: number | null;
}

export type CertificateRowKind = 'user' | 'session' | 'host' | 'ssh';

export interface CertificateRow {
  readonly vo: string;
  readonly kind: CertificateRowKind;
  /** Hexadecimal for X.509, decimal for ssh. */
  readonly serial: string;
  /** User, or host name for kind host. */
  readonly subject: string;
  readonly not_before: number;
  readonly not_after: number;
  readonly revoked_at: number | null;
  readonly revocation_reason: RevocationReason | null;
}

export interface AuditRow {
  readonly sequence: number;
  readonly at: number;
  readonly vo: string | null;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  /** JSON object. */
  readonly details: string;
  readonly previous_hash: string;
  readonly hash: string;
}
