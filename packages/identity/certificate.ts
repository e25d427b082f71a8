import type { KeyObject } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import { decodeExtensions } from './certificate-extension.ts';
import { contextTag, DerReader, tag } from './der-reader.ts';
import { type DistinguishedName, readName } from './distinguished-name.ts';
import { derOf, readPem, writePem } from './pem.ts';
import { loadPublicKey, readPublicKeyInfo } from './public-key.ts';
import { sha256 } from './signature-algorithm.ts';
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
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly value: string }
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
  /** Made at first use and kept. Throws XOS_KEY_WEAK for algorithms that are not accepted, XOS_INPUT_BAD for bytes that are no key. */
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

/** Reads one certificate, DER or PEM. Errors: XOS_INPUT_BAD with the byte and the reason, XOS_INPUT_TOO_LARGE. */
export function parseCertificate(bytes: Buffer | string): Certificate {
  const certificateDer = derOf(
    bytes,
    'certificate',
    ['CERTIFICATE', 'TRUSTED CERTIFICATE', 'X509 CERTIFICATE'],
    maximumCertificateBytes,
  );
  // Certificates are kept; a view would keep the whole message alive that they came in, and change when its owner writes.
  return decodeCertificate(Buffer.from(certificateDer));
}

function decodeCertificate(certificateDer: Buffer): Certificate {
  const what = 'certificate';
  const input = new DerReader(certificateDer, what);
  const outer = input.sequence('Certificate');
  input.finish('Certificate');
  const signedElement = outer.element(tag.sequence, 'tbsCertificate');
  const signed = outer.inside(signedElement);
  const outerAlgorithm = readAlgorithm(outer, 'signatureAlgorithm');
  const signature = outer.bitString('signature');
  outer.finish('Certificate');

  const version = readVersion(signed);
  const serial = readSerial(signed, 'serialNumber');
  const innerAlgorithm = readAlgorithm(signed, 'signature algorithm');
  if (!innerAlgorithm.der.equals(outerAlgorithm.der))
    signed.refuse('inner and outer signature algorithm differ');
  const issuer = readName(signed, 'issuer');
  const validity = signed.sequence('validity');
  const notBefore = validity.time('notBefore');
  const notAfter = validity.time('notAfter');
  validity.finish('validity');
  const subject = readName(signed, 'subject');
  const { der: subjectPublicKeyInfo, description: keyDescription } = readPublicKeyInfo(signed);
  for (const number of [1, 2]) {
    if (signed.peek() !== contextTag(number, false)) continue;
    if (version === 1) signed.refuse('a version 1 certificate has a unique identifier');
    signed.any('unique identifier');
  }
  let extensions: readonly Extension[] = [];
  if (signed.peek() === contextTag(3, true)) {
    if (version !== 3) signed.refuse(`a version ${version} certificate has extensions`);
    extensions = readExtensionList(signed.enter(contextTag(3, true), 'extensions'));
  }
  signed.finish('tbsCertificate');

  let publicKey: KeyObject | undefined;
  let fingerprint: string | undefined;
  return {
    der: certificateDer,
    tbs: signedElement.der,
    get fingerprint() {
      fingerprint ??= sha256(certificateDer).toString('hex');
      return fingerprint;
    },
    version,
    serial,
    subject,
    issuer,
    notBefore,
    notAfter,
    subjectPublicKeyInfo,
    keyDescription,
    get publicKey() {
      publicKey ??= loadPublicKey(subjectPublicKeyInfo, keyDescription);
      return publicKey;
    },
    signatureAlgorithm: outerAlgorithm.oid,
    signatureAlgorithmDer: outerAlgorithm.der,
    signature,
    extensions,
    ...decodeExtensions(extensions, what),
  };
}

function readVersion(signed: DerReader): 1 | 2 | 3 {
  if (signed.peek() !== contextTag(0, true)) return 1;
  const wrapper = signed.enter(contextTag(0, true), 'version');
  const number = wrapper.smallInteger('version');
  wrapper.finish('version');
  if (number === 1) return 2;
  if (number === 2) return 3;
  return signed.refuse(`version ${number + 1} is not one of 2 and 3`);
}

/** Hex of a serial number: at most 20 bytes and not negative (RFC 5280 section 4.1.2.2); leading zeros are cut. */
export function readSerial(reader: DerReader, field: string): string {
  // 21: the sign byte in front of 160 bits that begin with a one is common practice.
  const bytes = reader.integerBytes(field, 21);
  if ((bytes[0] ?? 0) >= 0x80) reader.refuse(`${field} is negative`);
  return bytes.toString('hex').replace(/^0+(?=.)/, '');
}

/** AlgorithmIdentifier; its parameters are compared as bytes where a signature is verified. */
export function readAlgorithm(
  reader: DerReader,
  field: string,
): { readonly oid: string; readonly der: Buffer } {
  const element = reader.element(tag.sequence, field);
  const inside = reader.inside(element);
  const oid = inside.oid(`${field} OID`);
  if (!inside.done) inside.any(`${field} parameters`);
  inside.finish(field);
  return { oid, der: element.der };
}

/** `SEQUENCE OF Extension` that is all of the cursor's rest: bounded, none twice. */
export function readExtensionList(wrapper: DerReader): readonly Extension[] {
  const list = wrapper.sequence('extensions');
  wrapper.finish('extensions');
  const extensions: Extension[] = [];
  const seen = new Set<string>();
  if (list.done) list.refuse('the list of extensions is empty');
  while (!list.done) {
    const entry = list.sequence('extension');
    const oid = entry.oid('extension OID');
    const critical = entry.peek() === tag.boolean ? entry.boolean('critical') : false;
    const value = entry.octetString(`extension ${oid}`);
    entry.finish(`extension ${oid}`);
    if (seen.has(oid)) list.refuse(`extension ${oid} stands twice`);
    seen.add(oid);
    extensions.push({ oid, critical, value });
    if (extensions.length > 64) list.refuse('there are more than 64 extensions');
  }
  return extensions;
}

/** Reads every `CERTIFICATE` block of a PEM text in order (other blocks are passed over); at most `maximumChainLength`. */
export function parseCertificateChain(pem: Buffer | string): readonly Certificate[] {
  const blocks = readPem(pem, 'certificate chain', maximumCertificateBytes * maximumChainLength).filter(
    ({ label }) => label === 'CERTIFICATE',
  );
  if (blocks.length === 0 || blocks.length > maximumChainLength) {
    const reason = `it has ${blocks.length} CERTIFICATE blocks where 1 to ${maximumChainLength} are allowed`;
    throw new XosError('XOS_INPUT_BAD', { what: 'certificate chain', where: 'the PEM text', reason });
  }
  return blocks.map(({ der }) => parseCertificate(der));
}

/** PEM of one certificate or of several, in the order given. */
export function certificatePem(...certificates: readonly { readonly der: Buffer }[]): string {
  return certificates.map(({ der }) => writePem('CERTIFICATE', der)).join('');
}
