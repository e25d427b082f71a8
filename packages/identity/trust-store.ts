import type { Certificate } from './certificate.ts';
import { type DistinguishedName, nameKey } from './distinguished-name.ts';
import type { RevocationList } from './revocation-list.ts';
import type { SigningPolicy } from './signing-policy.ts';

/** A CA of the store, with the policy files that stood beside it. */
export interface TrustAnchor {
  readonly certificate: Certificate;
  readonly signingPolicy: SigningPolicy | undefined;
  readonly namespaces: SigningPolicy | undefined;
  /** File it came from, or a description. */
  readonly source: string;
}

/** A file of a trust directory that could not be used; the rest of the store works. */
export interface TrustStoreProblem {
  readonly file: string;
  readonly reason: string;
}

/** CAs and CRLs, immutable; loading again gives a new one. */
export interface TrustStore {
  readonly anchors: readonly TrustAnchor[];
  readonly problems: readonly TrustStoreProblem[];
  /** CAs whose subject is this name. */
  findBySubject(name: DistinguishedName): readonly TrustAnchor[];
  /** CRLs issued by this name, newest (thisUpdate, then number) first. */
  findCrls(issuer: DistinguishedName): readonly RevocationList[];
}

/**
 * A store of certificates and CRLs already in memory (a VO service about its own domain, tests). For our own CAs
 * `defaultSigningPolicy(certificate)` gives the policy of the architecture.
 */
export function makeTrustStore(content: {
  readonly anchors: readonly {
    readonly certificate: Certificate;
    readonly signingPolicy?: SigningPolicy;
    readonly namespaces?: SigningPolicy;
  }[];
  readonly crls?: readonly RevocationList[];
}): TrustStore {
  const anchors = content.anchors.map(({ certificate, signingPolicy, namespaces }) => ({
    certificate,
    signingPolicy,
    namespaces,
    source: certificate.subject.rfc4514,
  }));
  return indexTrustStore(anchors, content.crls ?? [], []);
}

/** Builds the indexes of a store; an anchor that stands twice is kept once, the first. */
export function indexTrustStore(
  all: readonly TrustAnchor[],
  crls: readonly RevocationList[],
  problems: readonly TrustStoreProblem[],
): TrustStore {
  const byFingerprint = new Map<string, TrustAnchor>();
  for (const anchor of all) {
    const { fingerprint } = anchor.certificate;
    if (!byFingerprint.has(fingerprint)) byFingerprint.set(fingerprint, anchor);
  }
  const anchors = [...byFingerprint.values()];
  const anchorsByName = Map.groupBy(anchors, ({ certificate }) => nameKey(certificate.subject));
  const newestFirst = crls.toSorted(
    (one, other) =>
      other.thisUpdate.getTime() - one.thisUpdate.getTime() || compare(other.number, one.number),
  );
  const crlsByName = Map.groupBy(newestFirst, ({ issuer }) => nameKey(issuer));
  return {
    anchors,
    problems,
    findBySubject: (name) => anchorsByName.get(nameKey(name)) ?? [],
    findCrls: (issuer) => crlsByName.get(nameKey(issuer)) ?? [],
  };
}

function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
