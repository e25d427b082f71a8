import { XosError } from '@xtreemos/base';
import type { Certificate } from './certificate.ts';
import { judgeIdentity } from './identity-rules.ts';
import { whyNamesForbidden } from './name-constraints.ts';
import { extensionOid } from './object-identifiers.ts';
import { buildPath, isSelfIssued } from './path-building.ts';
import { type Place, refuseExpired, refuseNotYetValid, refusePath } from './path-refusal.ts';
import { judgeProxies } from './proxy-rules.ts';
import { whyKeyRefused } from './public-key.ts';
import { judgeRevocation } from './revocation-rules.ts';
import { whyAlgorithmRefused } from './signature-algorithm.ts';
import { judgeSigningPolicies } from './signing-policy-rules.ts';
import type { TrustAnchor, TrustStore } from './trust-store.ts';
import { type HostRole, type VoMembership, xosExtensionOids } from './xos-extension.ts';

/** The person a path speaks for. */
export interface ValidatedUser {
  readonly guid: string;
  /** Login name within the VO. */
  readonly user: string;
  /** The first VO of the certificate, the one its subject names. */
  readonly vo: string;
  readonly fqans: readonly string[];
  readonly primaryFqan: string;
  /** Every VO of the certificate, `vo` first. */
  readonly memberships: readonly VoMembership[];
}

/** The host a path speaks for; role `vo` (the VO service) belongs to no VO. */
export interface ValidatedHost {
  readonly role: HostRole;
  readonly vo: string | undefined;
  readonly hostname: string;
  readonly hostGuid: string | undefined;
}

export interface ValidatedPath {
  readonly user: ValidatedUser | undefined;
  readonly host: ValidatedHost | undefined;
  /** True when a limited proxy stands anywhere in the path: no new programs may be started with it. */
  readonly limited: boolean;
  /** Proxies below the end-entity certificate. */
  readonly proxyDepth: number;
  /** GUID of the host that the session certificate or proxy is limited to. */
  readonly boundToHost: string | undefined;
  /** First certificate of the chain presented: its key is the one whose possession is to be proven. */
  readonly leaf: Certificate;
  readonly endEntity: Certificate;
  /** Leaf to root, the root included. */
  readonly path: readonly Certificate[];
  readonly root: TrustAnchor;
  /** Earliest notAfter of the path. */
  readonly notAfter: Date;
  /** Earliest nextUpdate of the CRLs used: until then the answer holds without news. */
  readonly revocationValidUntil: Date | undefined;
}

export interface ValidationOptions {
  readonly store: TrustStore;
  /** Default: the clock. */
  readonly now?: Date;
  /** Allowed difference of clocks on both ends of every validity. Default 300. */
  readonly skewSeconds?: number;
  /** VO id -> SHA-256 fingerprint of the root it hangs under (`CaFingerprint=`). Given: no other root may speak for it. */
  readonly voRoots?: ReadonlyMap<string, string>;
  /** Accept RFC 3820 proxies. Default true. */
  readonly allowProxies?: boolean;
  /**
   * GUID of the host that presents the path (from its own TLS certificate), or of the host we are. A path bound to a
   * host is refused without this or with another; a path bound to none passes.
   */
  readonly presentedBy?: string;
  /** `required` (default): every CA of the path has a fresh CRL. `when-present`: one that exists must be good. */
  readonly revocation?: 'required' | 'when-present';
  /** The same for signing policies of the CAs. */
  readonly signingPolicy?: 'required' | 'when-present';
  /** Accept a CA as the leaf (to judge a CDA or RCA before it is installed). Default false. */
  readonly allowAuthority?: boolean;
}

/**
 * Judges a chain as presented: leaf first, each certificate followed by its issuer, the root may be left out.
 * Missing CAs are taken from the store; the path must end in a self-signed certificate of the store.
 * Synchronous; signatures verified before are remembered (bounded).
 * Errors: XOS_CHAIN_INVALID, XOS_CHAIN_UNTRUSTED, XOS_CHAIN_SIGNING_POLICY, XOS_CRL_UNUSABLE, XOS_CREDENTIAL_EXPIRED,
 * XOS_CREDENTIAL_NOT_YET_VALID, XOS_CREDENTIAL_REVOKED; details name the certificate (`subject`, `serial`, `position`) and the `rule`.
 */
export function validatePath(chain: readonly Certificate[], options: ValidationOptions): ValidatedPath {
  const [leaf] = chain;
  if (leaf === undefined) {
    throw new XosError('XOS_CHAIN_INVALID', {
      subject: 'nobody',
      reason: 'no certificate was presented',
      rule: 'order',
    });
  }
  const { path, root } = buildPath(chain, options.store);
  const now = options.now ?? new Date();
  const skewMs = (options.skewSeconds ?? 300) * 1000;
  const places = path.map((certificate, position): Place => ({ certificate, position }));
  const proxyDepth = places.findIndex(({ certificate }) => certificate.proxyCertInfo === undefined);
  const endEntity =
    places[proxyDepth] ??
    refusePath({ certificate: leaf, position: 0 }, 'proxy', 'the path has proxies only');
  const authorities = places.slice(proxyDepth + 1);
  const isAuthority = endEntity.certificate.basicConstraints?.ca === true;

  for (const place of places) judgeCertificate(place, place.position === path.length - 1, now, skewMs);
  for (const place of isAuthority ? [endEntity, ...authorities] : authorities) judgeAuthority(place);
  judgePathLengths(authorities, endEntity);
  judgeNames(authorities, [endEntity, ...authorities]);
  if (isAuthority && (proxyDepth > 0 || options.allowAuthority !== true)) {
    const rule = proxyDepth > 0 ? 'proxy' : 'end-entity';
    refusePath(
      endEntity,
      rule,
      proxyDepth > 0 ? 'it is a CA, and a CA has no proxies' : 'it is a CA, not a person or a host',
    );
  }
  const proxies = judgeProxies(places.slice(0, proxyDepth), endEntity, options.allowProxies !== false);
  judgeSigningPolicies([endEntity, ...authorities], options);
  const revocationValidUntil = judgeRevocation([endEntity, ...authorities], options, now, skewMs);
  const identity = judgeIdentity(endEntity, authorities, options.voRoots);
  const boundToHost = judgeHostBinding(places.slice(0, proxyDepth + 1), options.presentedBy);

  return {
    ...identity,
    limited: proxies.limited,
    proxyDepth,
    boundToHost,
    leaf,
    endEntity: endEntity.certificate,
    path,
    root,
    notAfter: new Date(Math.min(...path.map(({ notAfter }) => notAfter.getTime()))),
    revocationValidUntil,
  };
}

/** Extensions whose meaning this validator applies, so that they may be critical. */
const appliedExtensions: ReadonlySet<string> = new Set([
  extensionOid.basicConstraints,
  extensionOid.keyUsage,
  extensionOid.extendedKeyUsage,
  extensionOid.subjectAltName,
  extensionOid.nameConstraints,
  extensionOid.proxyCertInfo,
  extensionOid.subjectKeyIdentifier,
  extensionOid.authorityKeyIdentifier,
  extensionOid.crlDistributionPoints,
  // Every policy is acceptable here, so that a list of policies, critical or not, forbids nothing (RFC 5280 section 6.1.1 c).
  extensionOid.certificatePolicies,
  ...xosExtensionOids,
]);

/** What holds for every certificate. A root's own signature is not judged: it is trusted because it is installed. */
function judgeCertificate(place: Place, isRoot: boolean, now: Date, skewMs: number): void {
  const { certificate } = place;
  const whyRefused = isRoot ? undefined : whyAlgorithmRefused(certificate.signatureAlgorithm);
  if (whyRefused !== undefined) refusePath(place, 'algorithm', `its ${whyRefused}`);
  const weakness = whyKeyRefused(certificate.keyDescription);
  if (weakness !== undefined) refusePath(place, 'key', weakness);
  if (now.getTime() > certificate.notAfter.getTime() + skewMs) refuseExpired(place);
  if (now.getTime() < certificate.notBefore.getTime() - skewMs) refuseNotYetValid(place);
  const unknown = certificate.extensions.find(({ oid, critical }) => critical && !appliedExtensions.has(oid));
  if (unknown !== undefined) {
    refusePath(place, 'critical-extension', `its extension ${unknown.oid} is critical and not understood`);
  }
}

function judgeAuthority(place: Place): void {
  const { basicConstraints, keyUsage, extensions, proxyCertInfo } = place.certificate;
  if (proxyCertInfo !== undefined)
    refusePath(place, 'proxy', 'it is a proxy, but issued a certificate that is none');
  if (basicConstraints?.ca !== true)
    refusePath(place, 'not-a-ca', 'it is no CA, but issued a certificate of the path');
  if (extensions.some(({ oid, critical }) => oid === extensionOid.basicConstraints && !critical)) {
    refusePath(place, 'not-a-ca', 'its basicConstraints are not critical');
  }
  if (keyUsage?.has('keyCertSign') !== true)
    refusePath(place, 'key-usage', 'its key usage does not include keyCertSign');
}

/** RFC 5280 section 6.1.4 (l), (m): self-issued CAs and proxies do not count, the end entity neither. */
function judgePathLengths(authorities: readonly Place[], endEntity: Place): void {
  const endsInAuthority = endEntity.certificate.basicConstraints?.ca === true;
  let below = endsInAuthority && !isSelfIssued(endEntity.certificate) ? 1 : 0;
  // An authority as the leaf is a CA below its issuers, as it would be in any path it is used for.
  for (const place of authorities) {
    const limit = place.certificate.basicConstraints?.pathLength;
    if (limit !== undefined && below > limit) {
      refusePath(place, 'path-length', `it allows ${limit} CAs below it, the path has ${below}`);
    }
    if (!isSelfIssued(place.certificate)) below++;
  }
}

function judgeNames(authorities: readonly Place[], below: readonly Place[]): void {
  for (const authority of authorities) {
    if (authority.certificate.nameConstraints === undefined) continue;
    for (const place of below.filter(({ position }) => position < authority.position)) {
      const isExempt = isSelfIssued(place.certificate) && place !== below[0];
      const why = isExempt ? undefined : whyNamesForbidden(authority.certificate, place.certificate);
      if (why !== undefined) refusePath(place, 'name-constraint', why);
    }
  }
}

/** A session certificate or proxy is good on one host: another host that got hold of it gains nothing. */
function judgeHostBinding(personal: readonly Place[], presentedBy: string | undefined): string | undefined {
  let bound: string | undefined;
  for (const place of personal.toReversed()) {
    const session = place.certificate.xos.session;
    if (session === undefined) continue;
    if (bound !== undefined && bound !== session.hostGuid) {
      refusePath(
        place,
        'host-binding',
        `it is for host ${session.hostGuid}, what it was made from for host ${bound}`,
      );
    }
    bound = session.hostGuid;
    if (presentedBy !== bound) {
      const actual =
        presentedBy === undefined ? 'without a host that vouches for it' : `by host ${presentedBy}`;
      refusePath(
        place,
        'host-binding',
        `it is good only on ${session.hostname} (${bound}), and was presented ${actual}`,
      );
    }
  }
  return bound;
}
