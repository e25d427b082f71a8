import { createPublicKey, type KeyObject } from 'node:crypto';
import { reasonOf, XosError } from '@xtreemos/base';
import type { KeyDescription } from './certificate.ts';
import { DerReader, tag } from './der-reader.ts';
import { keyOid } from './object-identifiers.ts';

const curves: ReadonlyMap<string, { readonly curve: 'P-256' | 'P-384' | 'P-521'; readonly bits: number }> =
  new Map([
    [keyOid.p256, { curve: 'P-256', bits: 256 }],
    [keyOid.p384, { curve: 'P-384', bits: 384 }],
    [keyOid.p521, { curve: 'P-521', bits: 521 }],
  ]);

/** RSA keys above this cost seconds to verify with: nobody needs them, attackers like them. */
const maximumRsaBits = 16384;

/** Reads the SubjectPublicKeyInfo at the cursor. Unknown algorithms are described, not refused: a validator refuses them. */
export function readPublicKeyInfo(reader: DerReader): {
  readonly der: Buffer;
  readonly description: KeyDescription;
} {
  const element = reader.element(tag.sequence, 'subjectPublicKeyInfo');
  const info = reader.inside(element);
  const algorithm = info.sequence('key algorithm');
  const oid = algorithm.oid('key algorithm');
  const parameters = algorithm.done ? undefined : algorithm.any('key parameters');
  algorithm.finish('key algorithm');
  const key = info.bitString('public key');
  info.finish('subjectPublicKeyInfo');
  const unsupported = (name: string): KeyDescription => ({
    kind: 'unsupported',
    algorithm: name,
    bits: key.length * 8,
  });
  const describe = (): KeyDescription => {
    switch (oid) {
      case keyOid.rsa: {
        if (parameters?.tag !== tag.null) return unsupported('RSA without NULL parameters');
        const bits = rsaBits(key);
        return bits > maximumRsaBits ? unsupported(`RSA with ${bits} bits`) : { kind: 'rsa', bits };
      }
      case keyOid.ec: {
        if (parameters?.tag !== tag.oid) return unsupported('EC with explicit parameters');
        const curveOid = new DerReader(parameters.der, 'public key').oid('curve');
        const curve = curves.get(curveOid);
        if (curve === undefined) return unsupported(`EC curve ${curveOid}`);
        return { kind: 'ec', ...curve };
      }
      case keyOid.ed25519:
        return parameters === undefined && key.length === 32
          ? { kind: 'ed25519', bits: 256 }
          : unsupported('malformed Ed25519');
      default:
        return unsupported(`algorithm ${oid}`);
    }
  };
  return { der: element.der, description: describe() };
}

function rsaBits(publicKey: Buffer): number {
  const input = new DerReader(publicKey, 'RSA public key');
  const key = input.sequence('RSAPublicKey');
  input.finish('RSAPublicKey');
  const modulus = key.integerBytes('modulus', maximumRsaBits);
  const exponent = key.integerBytes('exponent', maximumRsaBits);
  key.finish('RSAPublicKey');
  const [first = 0] = modulus;
  if (first >= 0x80 || (exponent[0] ?? 0) >= 0x80) input.refuse('a negative RSA parameter');
  const magnitude = first === 0 ? modulus.subarray(1) : modulus;
  return magnitude.length * 8 - Math.clz32(magnitude[0] ?? 0) + 24;
}

/** Why a key is not strong enough to be accepted, or undefined. RSA below 2048 bits is what OpenSSL's level 2 refuses too. */
export function whyKeyRefused(key: KeyDescription): string | undefined {
  if (key.kind === 'unsupported') return `the key is ${key.algorithm}, which is not accepted`;
  if (key.kind === 'rsa' && key.bits < 2048) return `the RSA key has ${key.bits} bits, fewer than 2048`;
  return undefined;
}

export function describeKeyKind(key: KeyDescription): string {
  switch (key.kind) {
    case 'ec':
      return `ECDSA ${key.curve}`;
    case 'rsa':
      return `RSA ${key.bits}`;
    case 'ed25519':
      return 'Ed25519';
    case 'unsupported':
      return key.algorithm;
  }
}

/** What a KeyObject (public or private half) is. */
export function describeKey(key: KeyObject): KeyDescription {
  const spki = publicKeyInfo(key);
  return readPublicKeyInfo(new DerReader(spki, 'key')).description;
}

/** SubjectPublicKeyInfo of a P-256 key up to the point's coordinates: named curve, uncompressed point (RFC 5480). */
const uncompressedP256 = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const uncompressedP256Bytes = 91;

/** True where the bytes a key is read from are what it would be exported as. */
function isCanonicalP256(spki: Buffer): boolean {
  return (
    spki.length === uncompressedP256Bytes &&
    spki.subarray(0, uncompressedP256.length).equals(uncompressedP256)
  );
}

/** Exporting costs as much as a signature, and a CA's key is asked for with every certificate. */
const exported = new WeakMap<KeyObject, Buffer>();

/** DER SubjectPublicKeyInfo of either half of a key. The result is shared: do not write into it. */
export function publicKeyInfo(key: KeyObject): Buffer {
  const known = exported.get(key);
  if (known !== undefined) return known;
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const info = publicKey.export({ type: 'spki', format: 'der' });
  exported.set(key, info);
  return info;
}

/** Refuses keys this package does not work with. */
export function judgeKey(key: KeyDescription): void {
  if (whyKeyRefused(key) !== undefined) {
    throw new XosError('XOS_KEY_WEAK', {
      actual: describeKeyKind(key),
      wanted: 'ECDSA P-256, RSA of 2048 bits or more, or Ed25519',
    });
  }
}

export function loadPublicKey(spki: Buffer, description: KeyDescription): KeyObject {
  if (description.kind === 'unsupported') judgeKey(description);
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (isCanonicalP256(spki)) exported.set(key, Buffer.from(spki));
    return key;
  } catch (cause) {
    throw new XosError(
      'XOS_INPUT_BAD',
      { what: 'public key', where: 'subjectPublicKeyInfo', reason: reasonOf(cause) },
      { cause },
    );
  }
}
