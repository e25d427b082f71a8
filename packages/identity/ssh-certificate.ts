import type { KeyObject } from 'node:crypto';
import { unbuilt } from './unbuilt.ts';

/** An OpenSSH public key: RSA (>= 2048), ECDSA P-256/384/521 or Ed25519. */
export interface SshPublicKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`... */
  readonly type: string;
  readonly blob: Buffer;
  readonly comment: string;
  readonly key: KeyObject;
  /** `SHA256:` and base64 without padding, as ssh-keygen -l prints. */
  readonly fingerprint: string;
}

export interface SshCertificate {
  readonly type: string;
  readonly blob: Buffer;
  /** The certified key. */
  readonly publicKey: SshPublicKey;
  readonly serial: bigint;
  readonly kind: 'user' | 'host';
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validAfter: Date;
  readonly validBefore: Date;
  readonly criticalOptions: ReadonlyMap<string, string>;
  readonly extensions: ReadonlyMap<string, string>;
  readonly authority: SshPublicKey;
  readonly signatureAlgorithm: string;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

export interface SshUserCertificateRequest {
  /** ECDSA P-256/384/521, Ed25519 or RSA (signs rsa-sha2-512). */
  readonly authorityKey: KeyObject;
  readonly publicKey: KeyObject;
  /** 64-bit; what revocation names. */
  readonly serial: bigint;
  readonly keyId: string;
  /** At least one: a certificate without principals would be good for everybody. */
  readonly principals: readonly string[];
  readonly validAfter: Date;
  readonly validBefore: Date;
  /** Default: permit-X11-forwarding, -agent-forwarding, -port-forwarding, -pty, -user-rc. */
  readonly extensions?: readonly string[];
  /** Such as `source-address`, `force-command`. */
  readonly criticalOptions?: Readonly<Record<string, string>>;
  readonly comment?: string;
}

/** One line as it stands in `id_x-cert.pub`, and its blob. */
export function issueSshUserCertificate(request: SshUserCertificateRequest): {
  readonly line: string;
  readonly blob: Buffer;
} {
  return unbuilt(`issueSshUserCertificate ${request.keyId}`);
}

/** `ssh-ed25519 AAAA... comment` of a key, as for authorized_keys and TrustedUserCAKeys. */
export function sshPublicKeyLine(key: KeyObject, comment = ''): string {
  return unbuilt(`sshPublicKeyLine ${key.type} ${comment}`);
}

/** Reads a public key line (<= 16 KiB; options before the type are not accepted). Errors: XOS_IDENTITY_MALFORMED, _KEY_WEAK. */
export function parseSshPublicKey(line: string): SshPublicKey {
  return unbuilt(`parseSshPublicKey ${line.length}`);
}

/** Reads a certificate from its line or its blob. Nothing is verified yet. Errors: XOS_IDENTITY_MALFORMED. */
export function parseSshCertificate(lineOrBlob: string | Buffer): SshCertificate {
  return unbuilt(`parseSshCertificate ${lineOrBlob.length}`);
}

/**
 * Judges a user certificate: signed by one of `authorities`, within its validity (skew default 300 s), for `principal` when
 * given, no critical option that is not listed in `understood`. Errors: XOS_IDENTITY_SSH_REFUSED saying which.
 */
export function verifySshUserCertificate(
  certificate: SshCertificate,
  expected: {
    readonly authorities: readonly SshPublicKey[];
    readonly principal?: string;
    readonly now?: Date;
    readonly skewSeconds?: number;
    readonly understood?: readonly string[];
  },
): void {
  unbuilt(`verifySshUserCertificate ${certificate.serial} ${expected.authorities.length}`);
}
