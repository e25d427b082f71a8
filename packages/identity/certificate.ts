import type { KeyObject } from 'node:crypto';
import type { DistinguishedName } from './distinguished-name.ts';
import { unbuilt } from './unbuilt.ts';
import type { XosExtensions } from './xos-extension.ts';

export type KeyUsage =
  | 'digitalSignature'
  | 'nonRepudiation'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly';

/** RFC 5280 GeneralName, the kinds that matter; `other` keeps the tag of the rest. */
export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri' | 'ip'; readonly value: string }
  | { readonly kind: 'directory'; readonly value: DistinguishedName }
  | { readonly kind: 'other'; readonly tag: number; readonly value: Buffer };

/** A constraint's subtree; `ip` values are address and mask bytes. */
export type NameSubtree =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly value: Buffer }
  | { readonly kind: 'directory'; readonly value: DistinguishedName }
  | { readonly kind: 'other'; readonly tag: number; readonly value: Buffer };

export interface NameConstraints {
  readonly permitted: readonly NameSubtree[];
  readonly excluded: readonly NameSubtree[];
}

/** RFC 3820 ProxyCertInfo. `pathLength` undefined means unlimited. */
export interface ProxyCertInfo {
  readonly pathLength: number | undefined;
  readonly policyLanguage: string;
  readonly policy: Buffer | undefined;
}

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** What the public key is, read from SubjectPublicKeyInfo by the strict reader. */
export type KeyDescription =
  | { readonly kind: 'ec'; readonly curve: 'P-256' | 'P-384' | 'P-521'; readonly bits: number }
  | { readonly kind: 'rsa'; readonly bits: number }
  | { readonly kind: 'ed25519'; readonly bits: 256 }
  | { readonly kind: 'unsupported'; readonly algorithm: string; readonly bits: number };

/** A certificate whose bytes were read once, strictly. Parsing decides nothing over trust: `validatePath` does. */
export interface Certificate {
  readonly der: Buffer;
  /** The signed part, as it stands in `der`. */
  readonly tbs: Buffer;
  /** SHA-256 of `der`, lower-case hex. */
  readonly fingerprint: string;
  readonly version: 1 | 2 | 3;
  /** Lower-case hex without leading zeros. */
  readonly serial: string;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subjectPublicKeyInfo: Buffer;
  readonly keyDescription: KeyDescription;
  /** Made at first use and kept. Throws XOS_IDENTITY_KEY_UNSUPPORTED for keys node cannot load. */
  readonly publicKey: KeyObject;
  /** OID of the signature algorithm (inner and outer are equal, or parsing refused). */
  readonly signatureAlgorithm: string;
  readonly signatureAlgorithmDer: Buffer;
  readonly signature: Buffer;
  readonly extensions: readonly Extension[];
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  /** OIDs. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Lower-case hex. */
  readonly subjectKeyIdentifier: string | undefined;
  readonly authorityKeyIdentifier: string | undefined;
  readonly subjectAltName: readonly GeneralName[];
  readonly nameConstraints: NameConstraints | undefined;
  readonly crlDistributionPoints: readonly string[];
  readonly proxyCertInfo: ProxyCertInfo | undefined;
  readonly xos: XosExtensions;
}

/** 64 KiB: what one certificate may weigh. */
export const maximumCertificateBytes = 65536;
/** Certificates accepted in one chain, the leaf included. */
export const maximumChainLength = 10;

/** Reads one certificate, DER or PEM. Errors: XOS_IDENTITY_MALFORMED saying where and why. */
export function parseCertificate(bytes: Buffer | string): Certificate {
  return unbuilt(`parseCertificate ${bytes.length}`);
}

/** Reads every `CERTIFICATE` block of a PEM text in order (other blocks are passed over); at most `maximumChainLength`. */
export function parseCertificateChain(pem: Buffer | string): readonly Certificate[] {
  return unbuilt(`parseCertificateChain ${pem.length}`);
}

/** PEM of one certificate or of several, in the order given. */
export function certificatePem(
  ...certificates: readonly (Certificate | Buffer | { readonly der: Buffer })[]
): string {
  return unbuilt(`certificatePem ${certificates.length}`);
}
