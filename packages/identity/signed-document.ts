import { XosError } from '@xtreemos/base';
import {
  type Certificate,
  maximumCertificateBytes,
  maximumChainLength,
  parseCertificate,
} from './certificate.ts';
import type { Credential } from './credential.ts';
import { isSelfIssued } from './path-building.ts';
import { type ValidatedPath, type ValidationOptions, validatePath } from './path-validation.ts';
import { sha256, signBytes, verifyBytes } from './signature-algorithm.ts';
import { type HostRole, voPattern } from './xos-extension.ts';

/** Header of a signed document. */
export interface DocumentHeader {
  /** What the payload is: `[a-z0-9.-]{1,64}`, such as `membership`. */
  readonly type: string;
  readonly vo: string;
  /** Only grows; a reader refuses what is older than what it has. */
  readonly version: number;
  readonly issuedAt: Date;
  readonly notAfter: Date;
}

export interface SignedDocument {
  readonly header: DocumentHeader;
  /** A view into the bytes given, not a copy. */
  readonly payload: Buffer;
  readonly signer: ValidatedPath;
}

/** Largest document accepted: 64 MiB. */
export const maximumDocumentBytes = 67108864;

/**
 * The format, numbers big-endian (docs/certificate-profile.md): magic, u32 header length, header JSON, u32 payload length,
 * payload, u16 signature length, signature, u8 count of certificates, each u32 length and DER, leaf first. The signature is over
 * `domain`, SHA-256 of all from the magic to the payload's end: 2 MB of members cost one hash.
 */
const magic = Buffer.from('XOSDOC1\n', 'latin1');
/** No challenge, certificate or SSH signature begins so: what is signed here cannot be used there, nor the other way. */
const domain = Buffer.from('XtreemOS signed document v1\0', 'latin1');
const maximumHeaderBytes = 4096;
const typePattern = /^[a-z0-9.-]{1,64}$/;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Header, payload, signature and the signer's chain in one buffer. Errors: XOS_DOCUMENT_INVALID. */
export function signDocument(
  payload: Buffer,
  credential: Credential,
  header: {
    readonly type: string;
    readonly vo: string;
    readonly version: number;
    readonly notAfter: Date;
    readonly now?: Date;
  },
): Buffer {
  const { type, vo, version, notAfter } = header;
  const refuse = (reason: string): never => refuseDocument(type, vo, reason);
  if (!typePattern.test(type) || !voPattern.test(vo)) refuse('its type or VO has not the form it must have');
  if (!Number.isSafeInteger(version) || version < 0) refuse(`version ${version} is no whole number`);
  const issuedAt = (header.now ?? new Date()).toISOString();
  const json = Buffer.from(JSON.stringify({ type, vo, version, issuedAt, notAfter: notAfter.toISOString() }));
  const signed = Buffer.concat([magic, u32(json.length), json, u32(payload.length), payload]);
  const signature = signBytes(toSign(signed), credential.key);
  const chain = [credential.certificate, ...credential.chain].filter((one) => !isSelfIssued(one));
  const certificates = chain.flatMap(({ der }) => [u32(der.length), der]);
  const signatureLength = Buffer.from([signature.length >> 8, signature.length & 0xff]);
  const whole = Buffer.concat([
    signed,
    signatureLength,
    signature,
    Buffer.from([chain.length]),
    ...certificates,
  ]);
  if (whole.length > maximumDocumentBytes)
    refuse(`it has ${whole.length} bytes, more than ${maximumDocumentBytes}`);
  return whole;
}

function toSign(signed: Buffer): Buffer {
  return Buffer.concat([domain, sha256(signed)]);
}

function refuseDocument(type: string, vo: string, reason: string): never {
  throw new XosError('XOS_DOCUMENT_INVALID', { what: type, vo, reason });
}

/**
 * Reads and verifies: chain (as `validatePath` with these options), signer's host role and VO, signature, type, VO,
 * version >= minimumVersion, notAfter (no skew on it).
 * Errors: XOS_DOCUMENT_INVALID, XOS_DOCUMENT_ROLLBACK (older than minimumVersion), or the path's.
 */
export function verifyDocument(
  bytes: Buffer,
  expected: ValidationOptions & {
    readonly type: string;
    readonly vo: string;
    readonly role: HostRole;
    readonly minimumVersion?: number;
  },
): SignedDocument {
  const { type, vo, role, minimumVersion } = expected;
  const refuse = (reason: string): never => refuseDocument(type, vo, reason);
  const { header, payload, signed, signature, chain } = readDocument(bytes, refuse);
  if (header.type !== type) refuse(`it is a ${header.type}`);
  if (header.vo !== vo) refuse(`it is of VO ${header.vo}`);
  const signer = validatePath(chain, { ...expected, allowProxies: false });
  if (signer.host?.role !== role) {
    refuse(`it is signed by ${signer.leaf.subject.rfc4514}, which has not the role ${role}`);
  }
  if (signer.host?.vo !== vo)
    refuse(`it is signed by ${signer.leaf.subject.rfc4514} of VO ${signer.host?.vo}`);
  if (!verifyBytes(toSign(signed), signature, signer.leaf.publicKey)) refuse('its signature is not good');
  if (minimumVersion !== undefined && header.version < minimumVersion) {
    const details = { what: type, vo, version: header.version, known: minimumVersion };
    throw new XosError('XOS_DOCUMENT_ROLLBACK', details);
  }
  if ((expected.now ?? new Date()) > header.notAfter)
    refuse(`it expired at ${header.notAfter.toISOString()}`);
  return { header, payload, signer };
}

interface RawDocument {
  readonly header: DocumentHeader;
  readonly payload: Buffer;
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly chain: readonly Certificate[];
}

function readDocument(bytes: Buffer, refuse: (reason: string) => never): RawDocument {
  if (bytes.length > maximumDocumentBytes)
    refuse(`it has ${bytes.length} bytes, more than ${maximumDocumentBytes}`);
  let at = 0;
  const take = (length: number, field: string): Buffer => {
    if (length > bytes.length - at) refuse(`it is truncated in its ${field}`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const takeSized = (sizeBytes: 1 | 2 | 4, maximum: number, field: string): Buffer => {
    const length = take(sizeBytes, field).readUIntBE(0, sizeBytes);
    if (length > maximum) refuse(`its ${field} has ${length} bytes, more than ${maximum}`);
    return take(length, field);
  };
  if (!take(magic.length, 'magic').equals(magic)) refuse('it is no signed document');
  const headerJson = takeSized(4, maximumHeaderBytes, 'header');
  const payload = takeSized(4, maximumDocumentBytes, 'payload');
  const signed = bytes.subarray(0, at);
  const signature = takeSized(2, 4096, 'signature');
  const count = take(1, 'number of certificates').readUInt8();
  if (count === 0 || count > maximumChainLength) refuse(`it has ${count} certificates`);
  const chain = Array.from({ length: count }, () =>
    parseCertificate(takeSized(4, maximumCertificateBytes, 'certificate')),
  );
  if (at !== bytes.length) refuse(`${bytes.length - at} bytes follow its end`);
  return { header: readHeader(headerJson, refuse), payload, signed, signature, chain };
}

function readHeader(json: Buffer, refuse: (reason: string) => never): DocumentHeader {
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch {
    return refuse('its header is no JSON');
  }
  if (typeof value !== 'object' || value === null) return refuse('its header is no object');
  const field = (name: string): unknown =>
    Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  const moment = (name: string): Date => {
    const text = field(name);
    const date = new Date(typeof text === 'string' ? text : Number.NaN);
    return Number.isNaN(date.getTime()) ? refuse(`its header has no ${name}`) : date;
  };
  const type = field('type');
  const vo = field('vo');
  const version = field('version');
  if (typeof type !== 'string' || !typePattern.test(type)) return refuse('its header has no type');
  if (typeof vo !== 'string' || !voPattern.test(vo)) return refuse('its header has no VO');
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0)
    return refuse('its header has no version');
  return { type, vo, version, issuedAt: moment('issuedAt'), notAfter: moment('notAfter') };
}
