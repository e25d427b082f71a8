import type { Issuer } from './certificate-issue.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { unbuilt } from './unbuilt.ts';

export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'cACompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'
  | 'certificateHold'
  | 'privilegeWithdrawn';

export interface RevokedCertificate {
  /** As Certificate.serial: lower-case hex without leading zeros. */
  readonly serial: string;
  readonly revokedAt: Date;
  readonly reason?: RevocationReason;
}

/** A CRL, read strictly; its signature is judged by `validatePath`. */
export interface RevocationList {
  readonly der: Buffer;
  readonly tbs: Buffer;
  readonly issuer: DistinguishedName;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | undefined;
  /** CRLNumber, or 0n when the list has none. */
  readonly number: bigint;
  readonly authorityKeyIdentifier: string | undefined;
  readonly signatureAlgorithm: string;
  readonly signatureAlgorithmDer: Buffer;
  readonly signature: Buffer;
  /** By serial. */
  readonly revoked: ReadonlyMap<string, RevokedCertificate>;
  /** OIDs of critical extensions this code does not apply (delta, issuing distribution point...): validation refuses. */
  readonly unknownCriticalExtensions: readonly string[];
}

/** DER of a full CRL with CRLNumber and AKI. `number` must grow with each list of one issuer. */
export function makeCrl(list: {
  readonly issuer: Issuer;
  readonly number: number | bigint;
  readonly revoked: readonly RevokedCertificate[];
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}): Buffer {
  return unbuilt(`makeCrl ${list.number}`);
}

/** PEM with the label OpenSSL reads, `X509 CRL`. */
export function crlPem(der: Buffer): string {
  return unbuilt(`crlPem ${der.length}`);
}

/** Reads DER or PEM (`X509 CRL`), at most 32 MiB. Errors: XOS_IDENTITY_MALFORMED. */
export function parseCrl(bytes: Buffer | string): RevocationList {
  return unbuilt(`parseCrl ${bytes.length}`);
}
