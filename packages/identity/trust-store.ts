import type { Certificate } from './certificate.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import type { RevocationList } from './revocation-list.ts';
import type { SigningPolicy } from './signing-policy.ts';
import { unbuilt } from './unbuilt.ts';

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

/** A store of certificates and CRLs already in memory (a VO service about its own domain, tests). */
export function makeTrustStore(content: {
  readonly anchors: readonly {
    readonly certificate: Certificate;
    readonly signingPolicy?: SigningPolicy;
    readonly namespaces?: SigningPolicy;
  }[];
  readonly crls?: readonly RevocationList[];
}): TrustStore {
  return unbuilt(`makeTrustStore ${content.anchors.length}`);
}

/**
 * A store over directories in IGTF layout, and directories that only give CRLs. `current` is the last one loaded;
 * `reload()` stats the directories, reads only files that changed and answers whether anything did.
 */
export interface TrustDirectories {
  readonly current: TrustStore;
  reload(): Promise<boolean>;
}

/** Opens and loads. A directory that does not exist is a problem in the store, not an error. */
export async function openTrustDirectories(where: {
  readonly directories: readonly string[];
  readonly crlDirectories?: readonly string[];
}): Promise<TrustDirectories> {
  return unbuilt(`openTrustDirectories ${where.directories.length}`);
}

/**
 * Writes `<hash>.N` and `<hash>.signing_policy` into an IGTF directory, each by rename. The same certificate is found
 * again, not doubled. Patterns default to `defaultSubjectPatterns(certificate)`. Answers the files written.
 */
export async function writeTrustAnchor(
  directory: string,
  certificate: Certificate,
  options: { readonly subjectPatterns?: readonly string[] } = {},
): Promise<{ readonly certificateFile: string; readonly signingPolicyFile: string }> {
  return unbuilt(
    `writeTrustAnchor ${directory} ${certificate.fingerprint} ${options.subjectPatterns?.length}`,
  );
}

/**
 * Writes a CRL as `<hash>.rN` (PEM) by rename; the file with the same issuer's older list is replaced, a newer one is
 * left alone. Answers the file, whether it was written or is kept.
 */
export async function writeCrl(
  directory: string,
  crl: Buffer | RevocationList,
): Promise<{ readonly file: string; readonly written: boolean }> {
  return unbuilt(`writeCrl ${directory} ${'der' in crl}`);
}
