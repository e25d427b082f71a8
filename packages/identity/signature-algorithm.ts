import { createHash, type KeyObject, sign as nodeSign, verify as nodeVerify } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import * as der from './der-writer.ts';

interface Algorithm {
  readonly name: string;
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  readonly keyKind: 'rsa' | 'ec' | 'ed25519';
  /** Whether the AlgorithmIdentifier has NULL parameters (RFC 4055) or none (RFC 5758, RFC 8410). */
  readonly parameters: 'null' | 'absent';
}

/** Signatures that are accepted, each with a security of at least 112 bits (OpenSSL's level 2). */
const acceptedAlgorithms: ReadonlyMap<string, Algorithm> = new Map([
  [
    '1.2.840.113549.1.1.11',
    { name: 'sha256WithRSAEncryption', hash: 'sha256', keyKind: 'rsa', parameters: 'null' },
  ],
  [
    '1.2.840.113549.1.1.12',
    { name: 'sha384WithRSAEncryption', hash: 'sha384', keyKind: 'rsa', parameters: 'null' },
  ],
  [
    '1.2.840.113549.1.1.13',
    { name: 'sha512WithRSAEncryption', hash: 'sha512', keyKind: 'rsa', parameters: 'null' },
  ],
  ['1.2.840.10045.4.3.2', { name: 'ecdsa-with-SHA256', hash: 'sha256', keyKind: 'ec', parameters: 'absent' }],
  ['1.2.840.10045.4.3.3', { name: 'ecdsa-with-SHA384', hash: 'sha384', keyKind: 'ec', parameters: 'absent' }],
  ['1.2.840.10045.4.3.4', { name: 'ecdsa-with-SHA512', hash: 'sha512', keyKind: 'ec', parameters: 'absent' }],
  ['1.3.101.112', { name: 'Ed25519', hash: null, keyKind: 'ed25519', parameters: 'absent' }],
] as const);

/** Names of algorithms that are known and refused, so that the refusal can say what it met. */
const refusedNames: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.4', 'md5WithRSAEncryption'],
  ['1.2.840.113549.1.1.5', 'sha1WithRSAEncryption'],
  ['1.2.840.113549.1.1.10', 'RSASSA-PSS'],
  ['1.2.840.113549.1.1.14', 'sha224WithRSAEncryption'],
  ['1.2.840.10045.4.1', 'ecdsa-with-SHA1'],
  ['1.2.840.10045.4.3.1', 'ecdsa-with-SHA224'],
  ['1.2.840.10040.4.3', 'dsa-with-SHA1'],
]);

/** Why a signature algorithm is not accepted, or undefined when it is. */
export function whyAlgorithmRefused(oid: string): string | undefined {
  if (acceptedAlgorithms.has(oid)) return undefined;
  return `signature algorithm ${refusedNames.get(oid) ?? oid} is not accepted (SHA-256, SHA-384 or SHA-512 with RSA or ECDSA, or Ed25519)`;
}

/** Kind of a KeyObject as far as this package uses it. */
export function keyKindOf(key: KeyObject): 'rsa' | 'ec' | 'ed25519' | 'other' {
  const kind = key.asymmetricKeyType;
  return kind === 'rsa' || kind === 'ec' || kind === 'ed25519' ? kind : 'other';
}

/**
 * Whether `signature` over `data` is good under an accepted algorithm. A key of another kind than the algorithm's, or
 * AlgorithmIdentifier parameters other than the RFC's, make it false.
 */
export function verifySignature(
  algorithm: { readonly oid: string; readonly der: Buffer },
  data: Buffer,
  signature: Buffer,
  publicKey: KeyObject,
): boolean {
  const known = acceptedAlgorithms.get(algorithm.oid);
  if (known === undefined || keyKindOf(publicKey) !== known.keyKind) return false;
  if (!algorithm.der.equals(algorithmIdentifier(algorithm.oid, known.parameters))) return false;
  try {
    return nodeVerify(known.hash, data, publicKey, signature);
  } catch {
    // Node throws for keys OpenSSL cannot use with this digest; the signature is then not verified.
    return false;
  }
}

function algorithmIdentifier(oid: string, parameters: 'null' | 'absent'): Buffer {
  return parameters === 'null' ? der.sequence(der.oid(oid), der.nullValue()) : der.sequence(der.oid(oid));
}

const signers = {
  rsa: { oid: '1.2.840.113549.1.1.11', hash: 'sha256', parameters: 'null' },
  P256: { oid: '1.2.840.10045.4.3.2', hash: 'sha256', parameters: 'absent' },
  P384: { oid: '1.2.840.10045.4.3.3', hash: 'sha384', parameters: 'absent' },
  P521: { oid: '1.2.840.10045.4.3.4', hash: 'sha512', parameters: 'absent' },
  ed25519: { oid: '1.3.101.112', hash: null, parameters: 'absent' },
} as const;

function signerOf(key: KeyObject): (typeof signers)[keyof typeof signers] {
  const kind = keyKindOf(key);
  if (kind === 'rsa' || kind === 'ed25519') return signers[kind];
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (kind === 'ec' && curve === 'prime256v1') return signers.P256;
  if (kind === 'ec' && curve === 'secp384r1') return signers.P384;
  if (kind === 'ec' && curve === 'secp521r1') return signers.P521;
  throw new XosError('XOS_KEY_WEAK', {
    actual: `${key.asymmetricKeyType ?? 'unknown'} ${curve ?? ''}`.trim(),
    wanted: 'ECDSA P-256, RSA of 2048 bits or more, or Ed25519',
  });
}

/** AlgorithmIdentifier with which this key signs. */
export function signingAlgorithm(key: KeyObject): Buffer {
  const signer = signerOf(key);
  return algorithmIdentifier(signer.oid, signer.parameters);
}

/** Signs raw bytes with the key's own algorithm, as certificates do: ECDSA gives DER, RSA is PKCS#1 v1.5. */
export function signBytes(data: Buffer, key: KeyObject): Buffer {
  return nodeSign(signerOf(key).hash, data, key);
}

/** Verifies what `signBytes` made with the key's own algorithm. */
export function verifyBytes(data: Buffer, signature: Buffer, publicKey: KeyObject): boolean {
  try {
    return nodeVerify(signerOf(publicKey).hash, data, publicKey, signature);
  } catch {
    return false;
  }
}

/** `SEQUENCE { signed, algorithm, signature }`: the outer shape of certificates, CRLs and requests. */
export function signStructure(signed: Buffer, key: KeyObject): Buffer {
  return der.sequence(signed, signingAlgorithm(key), der.bitString(signBytes(signed, key)));
}

export function sha256(...parts: readonly (Buffer | string)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
