import type { KeyObject } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import type { Certificate } from './certificate.ts';
import { authorityKeyIdentifierOf, buildCertificate, type IssuedCertificate } from './certificate-build.ts';
import { encodeName } from './distinguished-name.ts';
import { purposeOid } from './object-identifiers.ts';
import { publicKeyInfo } from './public-key.ts';
import {
  type AuthorityKind,
  fqanPattern,
  guidPattern,
  type HostBinding,
  type HostRole,
  hostnamePattern,
  hostRoles,
  userPattern,
  type VoMembership,
  voOfFqan,
  voPattern,
  type XosExtensions,
} from './xos-extension.ts';

export type { IssuedCertificate } from './certificate-build.ts';

/** A certificate authority as it signs: its certificate and private key (ECDSA P-256 unless chosen otherwise). */
export interface Issuer {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** Lifetime counts from `now` (default the clock); notBefore is set 300 s earlier, for clocks that lag. */
export interface Lifetime {
  readonly now?: Date;
  readonly lifetimeSeconds: number;
}

/** How much earlier than `now` a certificate begins. */
const backdatedMs = 300_000;

/** The first attribute of every subject of ours. */
export const organization = 'XtreemOS';

/** `/O=XtreemOS/CN=<domain> root`, self-signed. `pathLength` defaults to 1: intermediates, and nothing between. */
export function issueRootCertificate(
  request: Lifetime & { readonly key: KeyObject; readonly domain: string; readonly pathLength?: number },
): IssuedCertificate {
  if (!/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,50}$/.test(request.domain)) refuse('trust domain', request.domain);
  const name = encodeName([
    ['O', organization],
    ['CN', `${request.domain} root`],
  ]);
  return buildCertificate({
    subject: name,
    issuer: name,
    ...validity(request),
    subjectPublicKeyInfo: publicKeyInfo(request.key),
    signingKey: request.key,
    authorityKeyIdentifier: undefined,
    authority: { pathLength: request.pathLength ?? 1 },
    keyUsage: ['keyCertSign', 'cRLSign'],
  });
}

/**
 * `/O=XtreemOS/OU=<vo>/CN=CDA|RCA` (SERVICE: `/O=XtreemOS/OU=services/CN=SERVICE`), pathLen 0, with the VO extension:
 * nothing below may name another VO. `vos` may list several where one authority serves several VOs; the first names OU.
 * A SERVICE authority has none.
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
  const { kind, vos } = request;
  for (const vo of vos) if (!voPattern.test(vo)) refuse('VO id', vo);
  if ((kind === 'SERVICE') !== (vos.length === 0)) refuse(`VOs of a ${kind}`, vos.join(' '));
  return buildCertificate({
    ...below(request),
    subject: encodeName([
      ['O', organization],
      ['OU', vos[0] ?? 'services'],
      ['CN', kind],
    ]),
    authority: { pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    crlUrls: request.crlUrls ?? [],
    xos: kind === 'SERVICE' ? { authority: kind } : { authority: kind, vos },
  });
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
  return issuePersonal(request, {});
}

/** As a user certificate, good only on one host (extension .1.7): for logins that had no X.509 key. */
export function issueSessionCertificate(
  request: UserCertificateRequest & { readonly host: HostBinding },
): IssuedCertificate {
  const { hostGuid, hostname } = request.host;
  checkHost(hostGuid, hostname);
  return issuePersonal(request, { session: { hostGuid, hostname } });
}

function issuePersonal(request: UserCertificateRequest, extra: XosExtensions): IssuedCertificate {
  const { issuer, guid, user, memberships } = request;
  if (!guidPattern.test(guid)) refuse('GUID', guid);
  if (!userPattern.test(user) || user.length > 64) refuse('user name', user);
  demandAuthority(issuer, 'CDA');
  const permitted = issuer.certificate.xos.vos ?? [];
  for (const { vo, fqans, primaryFqan } of memberships) {
    if (!permitted.includes(vo)) refuse(`VO for ${issuer.certificate.subject.rfc4514}`, vo);
    for (const fqan of fqans)
      if (!fqanPattern.test(fqan) || voOfFqan(fqan) !== vo) refuse(`FQAN of VO ${vo}`, fqan);
    if (new Set(fqans).size !== fqans.length) refuse(`list of FQANs of VO ${vo}`, fqans.join(' '));
    if (!fqans.includes(primaryFqan)) refuse(`primary FQAN of VO ${vo}`, primaryFqan);
  }
  const vos = memberships.map(({ vo }) => vo);
  const [home] = vos;
  if (home === undefined || new Set(vos).size !== vos.length) refuse('list of VOs', vos.join(' '));
  return buildCertificate({
    ...below(request),
    subject: encodeName([
      ['O', organization],
      ['OU', home],
      ['CN', user],
    ]),
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [purposeOid.clientAuth],
    xos: {
      guid,
      vos,
      fqans: memberships.flatMap(({ fqans }) => fqans),
      primaryFqans: memberships.map(({ primaryFqan }) => primaryFqan),
      ...extra,
    },
  });
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
  const { issuer, vo, role, hostGuid, hostname } = request;
  if (role === 'vo' || !hostRoles.includes(role)) refuse('host role of a VO', role);
  checkHost(hostGuid, hostname);
  demandAuthority(issuer, 'RCA');
  if (!(issuer.certificate.xos.vos ?? []).includes(vo))
    refuse(`VO for ${issuer.certificate.subject.rfc4514}`, vo);
  return buildCertificate({
    ...below(request),
    subject: encodeName([
      ['O', organization],
      ['OU', vo],
      ['OU', 'hosts'],
      ['CN', hostname],
    ]),
    ...tlsServer(request),
    xos: { vos: [vo], hostRole: role, hostGuid },
  });
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
  const { issuer, hostname } = request;
  if (!hostnamePattern.test(hostname)) refuse('host name', hostname);
  if (issuer.certificate.xos.authority !== undefined) demandAuthority(issuer, 'SERVICE');
  return buildCertificate({
    ...below(request),
    subject: encodeName([
      ['O', organization],
      ['OU', 'services'],
      ['CN', hostname],
    ]),
    ...tlsServer(request),
    xos: { hostRole: 'vo' },
  });
}

function tlsServer(request: {
  readonly hostname: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}) {
  for (const name of request.dnsNames ?? []) if (!hostnamePattern.test(name)) refuse('DNS name', name);
  return {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [purposeOid.serverAuth, purposeOid.clientAuth],
    dnsNames: [...new Set([request.hostname, ...(request.dnsNames ?? [])])],
    ipAddresses: request.ipAddresses ?? [],
  } as const;
}

/** What every certificate below an issuer takes from it; the end is capped by the issuer's own. */
function below(request: Lifetime & { readonly issuer: Issuer; readonly publicKey: KeyObject }) {
  const { certificate, key } = request.issuer;
  const { notBefore, notAfter } = validity(request);
  return {
    issuer: certificate.subject.der,
    signingKey: key,
    authorityKeyIdentifier: authorityKeyIdentifierOf(certificate),
    subjectPublicKeyInfo: publicKeyInfo(request.publicKey),
    notBefore,
    notAfter: new Date(Math.min(notAfter.getTime(), certificate.notAfter.getTime())),
  } as const;
}

function validity({ now = new Date(), lifetimeSeconds }: Lifetime): {
  readonly notBefore: Date;
  readonly notAfter: Date;
} {
  if (!Number.isFinite(lifetimeSeconds) || lifetimeSeconds < 1)
    refuse('lifetime in seconds', String(lifetimeSeconds));
  return {
    notBefore: new Date(now.getTime() - backdatedMs),
    notAfter: new Date(now.getTime() + lifetimeSeconds * 1000),
  };
}

function demandAuthority(issuer: Issuer, kind: AuthorityKind): void {
  const actual = issuer.certificate.xos.authority ?? 'none';
  if (actual !== kind) {
    const reason = `the issuer ${issuer.certificate.subject.rfc4514} has authority ${actual}, ${kind} is needed`;
    throw new XosError('XOS_INPUT_BAD', { what: 'issuer', where: 'extension .1.8', reason });
  }
}

function checkHost(hostGuid: string, hostname: string): void {
  if (!guidPattern.test(hostGuid)) refuse('host GUID', hostGuid);
  if (!hostnamePattern.test(hostname)) refuse('host name', hostname);
}

function refuse(what: string, value: string): never {
  const reason = `${JSON.stringify(value.slice(0, 200))} is not accepted`;
  throw new XosError('XOS_INPUT_BAD', { what, where: 'the certificate to issue', reason });
}
