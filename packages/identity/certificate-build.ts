import { type KeyObject, randomBytes } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import type { Certificate, KeyUsage } from './certificate.ts';
import { keyUsageBits } from './certificate-extension.ts';
import { DerReader, tag } from './der-reader.ts';
import * as der from './der-writer.ts';
import { parseIpAddress } from './ip-address.ts';
import { extensionOid } from './object-identifiers.ts';
import { judgeKey, readPublicKeyInfo } from './public-key.ts';
import { sha256, signingAlgorithm, signStructure } from './signature-algorithm.ts';
import { encodeXosExtensions, type XosExtensions } from './xos-extension.ts';

/** What issuing gives back. `parseCertificate(der)` reads it, `certificatePem(issued)` prints it. */
export interface IssuedCertificate {
  readonly der: Buffer;
  /** 128 random bits, lower-case hex without leading zeros; the same form as Certificate.serial and CRLs. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Everything a certificate of ours can have, before it is signed. */
export interface CertificateContent {
  /** DER Names. */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subjectPublicKeyInfo: Buffer;
  readonly signingKey: KeyObject;
  /** Key identifier of the issuer, raw; undefined leaves the extension out. */
  readonly authorityKeyIdentifier: Buffer | undefined;
  /** Present: a CA certificate. Absent: cA stays FALSE. */
  readonly authority?: { readonly pathLength: number | undefined };
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly crlUrls?: readonly string[];
  readonly xos?: XosExtensions;
  /** RFC 3820 value; a proxy has no basicConstraints. */
  readonly proxyCertInfo?: Buffer;
}

/** 128 random bits with the highest set: positive, always 16 bytes, and never a serial of zero. */
export function randomSerial(): Buffer {
  const serial = randomBytes(17);
  serial[0] = 0;
  serial[1] = (serial[1] ?? 0) | 0x80;
  return serial;
}

/** RFC 7093 section 2 method 1: the leftmost 160 bits of SHA-256 over the key bits. */
export function keyIdentifier(subjectPublicKeyInfo: Buffer): Buffer {
  const info = new DerReader(subjectPublicKeyInfo, 'public key').sequence('subjectPublicKeyInfo');
  info.element(tag.sequence, 'key algorithm');
  return sha256(info.bitString('public key')).subarray(0, 20);
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return critical
    ? der.sequence(der.oid(oid), der.boolean(true), der.octetString(value))
    : der.sequence(der.oid(oid), der.octetString(value));
}

/** Signs a version 3 certificate. The public key is judged: what we certify is what we would accept. */
export function buildCertificate(content: CertificateContent): IssuedCertificate {
  judgeKey(readPublicKeyInfo(new DerReader(content.subjectPublicKeyInfo, 'public key')).description);
  if (content.notAfter.getTime() <= content.notBefore.getTime()) {
    const reason = `it would end at ${content.notAfter.toISOString()}, before it begins`;
    throw new XosError('XOS_INPUT_BAD', { what: 'certificate validity', where: 'notAfter', reason });
  }
  const serial = randomSerial();
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.element(tag.integer, serial),
    signingAlgorithm(content.signingKey),
    content.issuer,
    der.sequence(der.time(content.notBefore), der.time(content.notAfter)),
    content.subject,
    content.subjectPublicKeyInfo,
    der.explicit(3, der.sequence(...extensionsOf(content))),
  );
  return {
    der: signStructure(tbs, content.signingKey),
    serial: serial.toString('hex').slice(2),
    notBefore: wholeSeconds(content.notBefore),
    notAfter: wholeSeconds(content.notAfter),
  };
}

function extensionsOf(content: CertificateContent): readonly Buffer[] {
  const { authority, authorityKeyIdentifier, proxyCertInfo, extendedKeyUsage, crlUrls } = content;
  const list: Buffer[] = [];
  if (authority !== undefined) {
    const pathLength = authority.pathLength === undefined ? [] : [der.integer(authority.pathLength)];
    list.push(extension(extensionOid.basicConstraints, true, der.sequence(der.boolean(true), ...pathLength)));
  } else if (proxyCertInfo === undefined) {
    // cA FALSE is the default, so the sequence is empty: it says to every reader that this is no CA.
    list.push(extension(extensionOid.basicConstraints, true, der.sequence()));
  }
  const bits = content.keyUsage.map((usage) => keyUsageBits.indexOf(usage));
  list.push(extension(extensionOid.keyUsage, true, der.namedBits(bits)));
  if (extendedKeyUsage !== undefined) {
    const purposes = extendedKeyUsage.map((purpose) => der.oid(purpose));
    list.push(extension(extensionOid.extendedKeyUsage, false, der.sequence(...purposes)));
  }
  const identifier = keyIdentifier(content.subjectPublicKeyInfo);
  list.push(extension(extensionOid.subjectKeyIdentifier, false, der.octetString(identifier)));
  if (authorityKeyIdentifier !== undefined) {
    const value = der.sequence(der.implicit(0, authorityKeyIdentifier));
    list.push(extension(extensionOid.authorityKeyIdentifier, false, value));
  }
  const names = alternativeNames(content.dnsNames ?? [], content.ipAddresses ?? []);
  if (names.length > 0) list.push(extension(extensionOid.subjectAltName, false, der.sequence(...names)));
  if (crlUrls !== undefined && crlUrls.length > 0) {
    const points = crlUrls.map((url) =>
      der.sequence(der.explicit(0, der.explicit(0, der.implicit(6, Buffer.from(url, 'latin1'))))),
    );
    list.push(extension(extensionOid.crlDistributionPoints, false, der.sequence(...points)));
  }
  if (proxyCertInfo !== undefined) list.push(extension(extensionOid.proxyCertInfo, true, proxyCertInfo));
  for (const [oid, value] of encodeXosExtensions(content.xos ?? {})) list.push(extension(oid, false, value));
  return list;
}

function alternativeNames(dnsNames: readonly string[], ipAddresses: readonly string[]): readonly Buffer[] {
  const addresses = ipAddresses.map((text) => {
    const bytes = parseIpAddress(text);
    if (bytes === undefined) {
      const reason = `${JSON.stringify(text)} is no IPv4 or IPv6 address`;
      throw new XosError('XOS_INPUT_BAD', { what: 'certificate', where: 'subjectAltName', reason });
    }
    return der.implicit(7, bytes);
  });
  return [...dnsNames.map((name) => der.implicit(2, Buffer.from(name, 'latin1'))), ...addresses];
}

function wholeSeconds(moment: Date): Date {
  return new Date(Math.floor(moment.getTime() / 1000) * 1000);
}

/** Raw SubjectKeyIdentifier of an issuer, for the AKI of what it signs. */
export function authorityKeyIdentifierOf(issuer: Certificate): Buffer {
  return issuer.subjectKeyIdentifier === undefined
    ? keyIdentifier(issuer.subjectPublicKeyInfo)
    : Buffer.from(issuer.subjectKeyIdentifier, 'hex');
}
