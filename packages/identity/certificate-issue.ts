import type { KeyObject } from 'node:crypto';
import type { Certificate } from './certificate.ts';
import { unbuilt } from './unbuilt.ts';
import type { AuthorityKind, HostBinding, HostRole, VoMembership } from './xos-extension.ts';

/** A certificate authority as it signs: its certificate and private key (ECDSA P-256 unless chosen otherwise). */
export interface Issuer {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** What issuing gives back. `parseCertificate(der)` reads it, `certificatePem(issued)` prints it. */
export interface IssuedCertificate {
  readonly der: Buffer;
  /** 128 random bits, lower-case hex without leading zeros; the same form as Certificate.serial and CRLs. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Lifetime counts from `now` (default the clock); notBefore is set 300 s earlier, for clocks that lag. */
export interface Lifetime {
  readonly now?: Date;
  readonly lifetimeSeconds: number;
}

/** `/O=XtreemOS/CN=<domain> root`, self-signed, pathLen 1, or none with `pathLength: undefined` given. */
export function issueRootCertificate(
  request: Lifetime & { readonly key: KeyObject; readonly domain: string; readonly pathLength?: number },
): IssuedCertificate {
  return unbuilt(`issueRootCertificate ${request.domain}`);
}

/**
 * `/O=XtreemOS/OU=<vo>/CN=CDA|RCA` (SERVICE: `/O=XtreemOS/OU=services/CN=SERVICE`), pathLen 0, with the VO extension:
 * nothing below may name another VO. `vos` may list several where one authority serves several VOs; the first names OU.
 */
export function issueIntermediateCertificate(
  request: Lifetime & {
    readonly issuer: Issuer;
    readonly publicKey: KeyObject;
    readonly kind: AuthorityKind;
    readonly vos: readonly string[];
    readonly crlUrls?: readonly string[];
  },
): IssuedCertificate {
  return unbuilt(`issueIntermediateCertificate ${request.kind}`);
}

export interface UserCertificateRequest extends Lifetime {
  /** A CDA of every VO named. */
  readonly issuer: Issuer;
  readonly publicKey: KeyObject;
  /** The person's UUID, the same in every certificate of theirs. */
  readonly guid: string;
  /** Login name within the VO, `[a-z][a-z0-9._-]*`. */
  readonly user: string;
  /** At least one; the first names OU of the subject. FQANs are checked against their VO. */
  readonly memberships: readonly VoMembership[];
}

/** The XOS certificate: `/O=XtreemOS/OU=<vo>/CN=<user>`. notAfter is capped by the issuer's. */
export function issueUserCertificate(request: UserCertificateRequest): IssuedCertificate {
  return unbuilt(`issueUserCertificate ${request.user}`);
}

/** As a user certificate, good only on one host (extension .1.7): for logins that had no X.509 key. */
export function issueSessionCertificate(
  request: UserCertificateRequest & { readonly host: HostBinding },
): IssuedCertificate {
  return unbuilt(`issueSessionCertificate ${request.user}`);
}

/** A host's certificate for one role: `/O=XtreemOS/OU=<vo>/OU=hosts/CN=<hostname>`, TLS server and client. */
export function issueHostCertificate(
  request: Lifetime & {
    /** An RCA of the VO. */
    readonly issuer: Issuer;
    readonly publicKey: KeyObject;
    readonly vo: string;
    readonly role: HostRole;
    readonly hostGuid: string;
    /** Fully qualified, lower case; also a dns SAN. */
    readonly hostname: string;
    /** Further DNS names. */
    readonly dnsNames?: readonly string[];
    /** IPv4 or IPv6 text. */
    readonly ipAddresses?: readonly string[];
  },
): IssuedCertificate {
  return unbuilt(`issueHostCertificate ${request.hostname}`);
}

/** TLS certificate of a VO service: role `vo`, `/O=XtreemOS/OU=services/CN=<hostname>`, under a root or SERVICE authority. */
export function issueServiceCertificate(
  request: Lifetime & {
    readonly issuer: Issuer;
    readonly publicKey: KeyObject;
    readonly hostname: string;
    readonly dnsNames?: readonly string[];
    readonly ipAddresses?: readonly string[];
  },
): IssuedCertificate {
  return unbuilt(`issueServiceCertificate ${request.hostname}`);
}
