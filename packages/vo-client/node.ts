import type { TrustBundle } from './trust.ts';

/** Roles a node may hold. `vo` (TLS of the VO service) and `vops` (document signing) never leave the service. */
export const hostRoles = ['accounts', 'dir', 'mrc', 'osd', 'srds', 'exec'] as const;
export type HostRole = (typeof hostRoles)[number];

export interface NodeTokenRequest {
  /** Binds the token to this host name; without it the token fits one host of any name not yet in the VO. */
  readonly hostname?: string;
  /** Roles the node may ask for (default: accounts only). */
  readonly roles?: readonly HostRole[];
  /** Default 1 h, at most 7 days. */
  readonly lifetimeSeconds?: number;
}

export interface NodeJoinRequest {
  /** The secret part of the token. */
  readonly secret: string;
  /** Fully qualified, lower case. */
  readonly hostname: string;
  /** A PKCS#10 PEM per role wanted. */
  readonly csrs: Readonly<Partial<Record<HostRole, string>>>;
}

/** PEM per role: the certificate followed by its issuer, without the root. */
export type HostCertificates = Readonly<Partial<Record<HostRole, string>>>;

export interface NodeJoinResult {
  readonly node: NodeRecord;
  readonly certificates: HostCertificates;
  readonly trust: TrustBundle;
}

export interface HostRenewalRequest {
  readonly csrs: Readonly<Partial<Record<HostRole, string>>>;
}

export interface NodeRecord {
  readonly vo: string;
  readonly hostname: string;
  /** UUID of this joining of the host; stands in its certificates. */
  readonly guid: string;
  readonly roles: readonly HostRole[];
  readonly status: 'active' | 'left' | 'revoked';
  readonly joinedAtMs: number;
  /** When its event connection was last seen, null before the first. */
  readonly lastSeenAtMs: number | null;
}
