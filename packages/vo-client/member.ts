/**
 * invited: an administrator asked, the person has not answered. asked: the person asked, no administrator has answered.
 * active: may be issued certificates. suspended: may not, until resumed. expired: `expiresAtMs` has passed.
 * revoked: final; the name is never given to another person.
 */
export type MemberStatus = 'invited' | 'asked' | 'active' | 'suspended' | 'expired' | 'revoked';

export interface Member {
  readonly vo: string;
  /** `[a-z][a-z0-9._-]*`, at most 30 bytes. */
  readonly user: string;
  /** UUID, stays with the person for the life of the VO. */
  readonly guid: string;
  readonly status: MemberStatus;
  readonly fullName: string;
  readonly email: string;
  /** What the person wrote when asking to join. */
  readonly message: string;
  /** End of the membership in milliseconds since the epoch, null when open. No certificate outlives it. */
  readonly expiresAtMs: number | null;
  /** Group paths without the VO, e.g. `atlas/muons`; the parents of a group are included. */
  readonly groups: readonly string[];
  /** FQANs a certificate may carry, the primary one (`/<vo>`) first. */
  readonly fqans: readonly string[];
  readonly hasPassword: boolean;
  readonly createdAtMs: number;
}

export interface InvitationRequest {
  readonly user: string;
  readonly fullName?: string;
  readonly email?: string;
  readonly expiresAtMs?: number | null;
  readonly groups?: readonly string[];
  /** How long the invitation stands, seconds (default 7 days, at most 30). */
  readonly tokenLifetimeSeconds?: number;
}

export interface OneTimeToken {
  /** Shown once; the service keeps only its hash. Good for one certificate in place of a password. */
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface Invitation extends OneTimeToken {
  readonly member: Member;
}

/** An invited person answers. The invitation's token is used up; it may also go straight into a certificate request. */
export interface InvitationAcceptance {
  readonly user: string;
  readonly token: string;
  /** Sets the VO password (8 to 256 bytes) for later sign-in. */
  readonly password?: string;
}

/** A person asks to join; an administrator approves or rejects. */
export interface JoinRequest {
  readonly user: string;
  readonly fullName?: string;
  readonly email?: string;
  readonly message?: string;
  /** Sets the VO password (8 to 256 bytes), usable once approved. */
  readonly password?: string;
}

export interface JoinRequestReceipt extends OneTimeToken {
  readonly user: string;
  readonly status: 'asked';
}

export interface MemberApproval {
  readonly expiresAtMs?: number | null;
  readonly groups?: readonly string[];
}

export interface MemberChange {
  readonly fullName?: string;
  readonly email?: string;
  readonly expiresAtMs?: number | null;
  /** Suspend an active member or resume a suspended one. A suspended member leaves the membership list at once. */
  readonly status?: 'active' | 'suspended';
}
