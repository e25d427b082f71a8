/** A CSR travels, never a key. The CSR's own signature proves possession of the key. */
export interface CertificateRequest {
  /** PKCS#10, PEM. Its subject is ignored: the VO's record decides. */
  readonly csr: string;
  /** Who asks; left out when the TLS client certificate (a still valid one of the same VO) says so. */
  readonly user?: string;
  readonly password?: string;
  /** One-time token of an invitation, a join request or an administrator. */
  readonly token?: string;
  /** Default 12 h; cut at the membership's end and at the service's UserLifetime. */
  readonly lifetimeSeconds?: number;
  /** FQANs wanted, the primary first; each must be the member's. Default: all of them. */
  readonly fqans?: readonly string[];
}

export interface IssuedCertificate {
  readonly user: string;
  readonly guid: string;
  /** PEM. */
  readonly certificate: string;
  /** PEM of the issuer (CDA or RCA), without the root. */
  readonly chain: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly fqans: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface SshCertificateRequest {
  /** One line as in authorized_keys: `ssh-ed25519 AAAA... comment`. */
  readonly publicKey: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly lifetimeSeconds?: number;
}

export interface IssuedSshCertificate {
  readonly user: string;
  /** One line for `id_*-cert.pub`. */
  readonly certificate: string;
  /** Decimal. */
  readonly serial: string;
  /** `user@<VO id>`, the only one. */
  readonly principals: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * Asked by a node (TLS client certificate with host role accounts): a certificate for a key made on that node.
 * Exactly one proof: `user` with `password`, or the SSH certificate that sshd verified (`sshCertificate`, the
 * `ssh-...-cert-v01@openssh.com AAAA...` line). The certificate ends no later than the SSH certificate.
 */
export interface SessionCertificateRequest {
  readonly csr: string;
  readonly user?: string;
  readonly password?: string;
  readonly sshCertificate?: string;
  readonly lifetimeSeconds?: number;
}

export interface IssuedCertificateRecord {
  readonly vo: string;
  /** user and session are X.509 of the CDA, host X.509 of the RCA, ssh an OpenSSH user certificate. */
  readonly kind: 'user' | 'session' | 'host' | 'ssh';
  /** Hexadecimal for X.509, decimal for ssh. */
  readonly serial: string;
  /** User, or host name for kind host. */
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly revokedAtMs: number | null;
  readonly revocationReason: RevocationReason | null;
}

/** RFC 5280 5.3.1, those that make sense here. */
export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'
  | 'privilegeWithdrawn';

export interface RevocationRequest {
  readonly reason?: RevocationReason;
}
