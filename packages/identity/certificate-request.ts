import type { KeyObject } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import { type KeyDescription, readAlgorithm } from './certificate.ts';
import { contextTag, DerReader, tag } from './der-reader.ts';
import * as der from './der-writer.ts';
import { type DistinguishedName, encodeName, readName } from './distinguished-name.ts';
import { derOf, writePem } from './pem.ts';
import { judgeKey, loadPublicKey, publicKeyInfo, readPublicKeyInfo } from './public-key.ts';
import { sha256, signStructure, verifySignature, whyAlgorithmRefused } from './signature-algorithm.ts';

/** A PKCS#10 request whose own signature was verified: whoever made it held the key. */
export interface CertificateRequest {
  readonly der: Buffer;
  readonly subject: DistinguishedName;
  readonly publicKey: KeyObject;
  readonly keyDescription: KeyDescription;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly keyFingerprint: string;
}

const maximumRequestBytes = 16384;

/** DER of a request. The subject is a wish: the authority names subjects itself from the VO's record. */
export function makeCertificateRequest(request: {
  readonly key: KeyObject;
  readonly commonName: string;
}): Buffer {
  const info = der.sequence(
    der.integer(0),
    encodeName([['CN', request.commonName]]),
    publicKeyInfo(request.key),
    der.element(contextTag(0, true)),
  );
  return signStructure(info, request.key);
}

/** DER as PEM (`CERTIFICATE REQUEST`). */
export function certificateRequestPem(requestDer: Buffer): string {
  return writePem('CERTIFICATE REQUEST', requestDer);
}

/**
 * Reads PEM or DER (<= 16 KiB), verifies its signature and judges the key. Attributes (wished-for extensions) are passed over.
 * Errors: XOS_INPUT_BAD, XOS_INPUT_TOO_LARGE, XOS_CSR_BAD, XOS_KEY_WEAK.
 */
export function parseCertificateRequest(bytes: Buffer | string): CertificateRequest {
  const what = 'certificate request';
  const requestDer = derOf(
    bytes,
    what,
    ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'],
    maximumRequestBytes,
  );
  const input = new DerReader(requestDer, what);
  const outer = input.sequence('CertificationRequest');
  input.finish('CertificationRequest');
  const infoElement = outer.element(tag.sequence, 'certificationRequestInfo');
  const info = outer.inside(infoElement);
  const algorithm = readAlgorithm(outer, 'signatureAlgorithm');
  const signature = outer.bitString('signature');
  outer.finish('CertificationRequest');

  if (info.smallInteger('version') !== 0) info.refuse('the version is not v1');
  const subject = readName(info, 'subject');
  const { der: spki, description } = readPublicKeyInfo(info);
  if (!info.done) info.element(contextTag(0, true), 'attributes');
  info.finish('certificationRequestInfo');

  judgeKey(description);
  const publicKey = loadPublicKey(spki, description);
  const whyRefused = whyAlgorithmRefused(algorithm.oid);
  if (whyRefused !== undefined) throw new XosError('XOS_CSR_BAD', { reason: `its ${whyRefused}` });
  if (!verifySignature(algorithm, infoElement.der, signature, publicKey)) {
    const reason = 'its signature is not by the key it asks a certificate for';
    throw new XosError('XOS_CSR_BAD', { reason });
  }
  return {
    der: requestDer,
    subject,
    publicKey,
    keyDescription: description,
    keyFingerprint: sha256(spki).toString('hex'),
  };
}
