import { XosError } from '@xtreemos/base';
import { readAlgorithm, readExtensionList, readSerial } from './certificate.ts';
import { authorityKeyIdentifierOf } from './certificate-build.ts';
import { authorityKeyIdentifier } from './certificate-extension.ts';
import type { Issuer } from './certificate-issue.ts';
import { contextTag, DerReader, tag } from './der-reader.ts';
import * as der from './der-writer.ts';
import { type DistinguishedName, readName } from './distinguished-name.ts';
import { extensionOid } from './object-identifiers.ts';
import { derOf, writePem } from './pem.ts';
import { signingAlgorithm, signStructure } from './signature-algorithm.ts';

/** RFC 5280 section 5.3.1, by number. 8 (removeFromCRL) only stands in delta lists. */
const reasonNumbers = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;
export type RevocationReason = keyof typeof reasonNumbers;

const reasonNames = new Map<number, RevocationReason>(
  (Object.entries(reasonNumbers) as [RevocationReason, number][]).map(([name, number]) => [number, name]),
);

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

const maximumCrlBytes = 33554432;

/** DER of a full CRL with CRLNumber and AKI. `number` must grow with each list of one issuer. */
export function makeCrl(list: {
  readonly issuer: Issuer;
  readonly number: number | bigint;
  readonly revoked: readonly RevokedCertificate[];
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}): Buffer {
  const { certificate, key } = list.issuer;
  const entries = list.revoked.map(revokedEntry);
  const extensions = [
    crlExtension(
      extensionOid.authorityKeyIdentifier,
      der.sequence(der.implicit(0, authorityKeyIdentifierOf(certificate))),
    ),
    crlExtension(extensionOid.crlNumber, der.integer(list.number)),
  ];
  const tbs = der.sequence(
    der.integer(1),
    signingAlgorithm(key),
    certificate.subject.der,
    der.time(list.thisUpdate),
    der.time(list.nextUpdate),
    // RFC 5280 section 5.1.2.6: absent, not empty, when nothing is revoked.
    ...(entries.length === 0 ? [] : [der.sequence(...entries)]),
    der.explicit(0, der.sequence(...extensions)),
  );
  return signStructure(tbs, key);
}

function crlExtension(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.octetString(value));
}

function revokedEntry({ serial, revokedAt, reason }: RevokedCertificate): Buffer {
  if (!/^[0-9a-f]{1,40}$/.test(serial)) {
    const why = `${JSON.stringify(serial.slice(0, 80))} is no serial number in hex`;
    throw new XosError('XOS_INPUT_BAD', { what: 'revocation list', where: 'serial', reason: why });
  }
  const number = der.integer(Buffer.from(serial.length % 2 === 0 ? serial : `0${serial}`, 'hex'));
  // `unspecified` should be left out (section 5.3.1).
  const code = reason === undefined ? 0 : reasonNumbers[reason];
  const extensions =
    code === 0 ? [] : [der.sequence(crlExtension(extensionOid.reasonCode, der.enumerated(code)))];
  return der.sequence(number, der.time(revokedAt), ...extensions);
}

/** PEM with the label OpenSSL reads, `X509 CRL`. */
export function crlPem(crlDer: Buffer): string {
  return writePem('X509 CRL', crlDer);
}

/** Reads DER or PEM (`X509 CRL`), at most 32 MiB. Errors: XOS_INPUT_BAD, XOS_INPUT_TOO_LARGE. */
export function parseCrl(bytes: Buffer | string): RevocationList {
  const crlDer = Buffer.from(derOf(bytes, 'revocation list', ['X509 CRL'], maximumCrlBytes));
  const input = new DerReader(crlDer, 'revocation list');
  const outer = input.sequence('CertificateList');
  input.finish('CertificateList');
  const tbsElement = outer.element(tag.sequence, 'tbsCertList');
  const tbs = outer.inside(tbsElement);
  const algorithm = readAlgorithm(outer, 'signatureAlgorithm');
  const signature = outer.bitString('signature');
  outer.finish('CertificateList');

  const isVersion2 = tbs.peek() === tag.integer;
  if (isVersion2 && tbs.smallInteger('version') !== 1) tbs.refuse('the version is not v2');
  const inner = readAlgorithm(tbs, 'signature algorithm');
  if (!inner.der.equals(algorithm.der)) tbs.refuse('inner and outer signature algorithm differ');
  const issuer = readName(tbs, 'issuer');
  const thisUpdate = tbs.time('thisUpdate');
  const hasNextUpdate = tbs.peek() === tag.utcTime || tbs.peek() === tag.generalizedTime;
  const nextUpdate = hasNextUpdate ? tbs.time('nextUpdate') : undefined;
  const unknownCritical: string[] = [];
  const revoked =
    tbs.peek() === tag.sequence
      ? readRevoked(tbs.sequence('revokedCertificates'), isVersion2, unknownCritical)
      : new Map<string, RevokedCertificate>();

  let number = 0n;
  let authorityKey: string | undefined;
  if (isVersion2 && tbs.peek() === contextTag(0, true)) {
    for (const { oid, critical, value } of readExtensionList(
      tbs.enter(contextTag(0, true), 'crlExtensions'),
    )) {
      const reader = new DerReader(value, `revocation list extension ${oid}`);
      if (oid === extensionOid.crlNumber) {
        const bytes = reader.integerBytes('CRLNumber', 21);
        if ((bytes[0] ?? 0) >= 0x80) reader.refuse('CRLNumber is negative');
        number = BigInt(`0x${bytes.toString('hex')}`);
        reader.finish('CRLNumber');
      } else if (oid === extensionOid.authorityKeyIdentifier) {
        authorityKey = authorityKeyIdentifier(reader);
        reader.finish('authorityKeyIdentifier');
      } else if (
        critical ||
        oid === extensionOid.deltaCrlIndicator ||
        oid === extensionOid.issuingDistributionPoint
      ) {
        // A delta or partial list taken for a full one would hide revocations, whatever its criticality says.
        unknownCritical.push(oid);
      }
    }
  }
  tbs.finish('tbsCertList');
  return {
    der: crlDer,
    tbs: tbsElement.der,
    issuer,
    thisUpdate,
    nextUpdate,
    number,
    authorityKeyIdentifier: authorityKey,
    signatureAlgorithm: algorithm.oid,
    signatureAlgorithmDer: algorithm.der,
    signature,
    revoked,
    unknownCriticalExtensions: unknownCritical,
  };
}

function readRevoked(
  list: DerReader,
  isVersion2: boolean,
  unknownCritical: string[],
): ReadonlyMap<string, RevokedCertificate> {
  const revoked = new Map<string, RevokedCertificate>();
  while (!list.done) {
    const entry = list.sequence('revoked certificate');
    const serial = readSerial(entry, 'revoked serial number');
    const revokedAt = entry.time('revocation date');
    let reason: RevocationReason | undefined;
    if (!entry.done) {
      if (!isVersion2) entry.refuse('an entry of a version 1 list has extensions');
      for (const { oid, critical, value } of readExtensionList(entry)) {
        if (oid === extensionOid.reasonCode) {
          const reader = new DerReader(value, 'revocation reason');
          reason = reasonNames.get(reader.enumerated('reasonCode'));
          reader.finish('reasonCode');
        } else if ((critical || oid === extensionOid.certificateIssuer) && !unknownCritical.includes(oid)) {
          unknownCritical.push(oid);
        }
      }
    }
    revoked.set(serial, reason === undefined ? { serial, revokedAt } : { serial, revokedAt, reason });
  }
  return revoked;
}
