import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { keyIdentifier } from './certificate-build.ts';
import { tag } from './der-reader.ts';
import * as der from './der-writer.ts';
import { encodeName } from './distinguished-name.ts';
import { type Certificate, type Credential, parseCertificate } from './index.ts';
import { extensionOid } from './object-identifiers.ts';
import { publicKeyInfo } from './public-key.ts';
import { signingAlgorithm } from './signature-algorithm.ts';
import { ecKey, now, secondsLater } from './test-domain.ts';

/** Makes certificates that our issuer refuses to make, for tests of those who read them. */

type NamePairs = readonly (readonly [string, string])[];

export interface Forgery {
  readonly subject: NamePairs | Buffer;
  /** Who signs; undefined: self-signed. */
  readonly issuer?: { readonly certificate: Certificate; readonly key: KeyObject } | undefined;
  readonly key?: KeyObject;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly serial?: Buffer;
  readonly extensions?: readonly Buffer[];
  readonly version?: 1 | 3;
  /** Hash and OID of an algorithm that `signingAlgorithm` would not choose. */
  readonly weak?: { readonly hash: string; readonly oid: string };
  /** Changes the signed bytes before signing. */
  readonly edit?: (tbs: Buffer) => Buffer;
}

export function extension(oid: string, value: Buffer, critical = false): Buffer {
  return der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
}

export const basicConstraints = (ca: boolean, pathLength?: number, critical = true): Buffer =>
  extension(
    extensionOid.basicConstraints,
    der.sequence(
      ...(ca ? [der.boolean(true)] : []),
      ...(pathLength === undefined ? [] : [der.integer(pathLength)]),
    ),
    critical,
  );
export const keyUsage = (...bits: readonly number[]): Buffer =>
  extension(extensionOid.keyUsage, der.namedBits(bits), true);
export const certificateSigning = keyUsage(5, 6);
export const digitalSignature = keyUsage(0);

export function keyIdentifiers(key: KeyObject, issuerKey?: KeyObject): readonly Buffer[] {
  const own = extension(
    extensionOid.subjectKeyIdentifier,
    der.octetString(keyIdentifier(publicKeyInfo(key))),
  );
  if (issuerKey === undefined) return [own];
  const issuers = der.sequence(der.implicit(0, keyIdentifier(publicKeyInfo(issuerKey))));
  return [own, extension(extensionOid.authorityKeyIdentifier, issuers)];
}

/** DER of a forgery. */
export function forgeDer(forgery: Forgery, key: KeyObject): Buffer {
  const { subject, issuer, version = 3, extensions = [], weak } = forgery;
  const subjectDer = Buffer.isBuffer(subject) ? subject : encodeName(subject);
  const signingKey = issuer?.key ?? key;
  const algorithm =
    weak === undefined
      ? signingAlgorithm(signingKey)
      : der.sequence(der.oid(weak.oid), ...(signingKey.asymmetricKeyType === 'rsa' ? [der.nullValue()] : []));
  const tbs = der.sequence(
    ...(version === 1 ? [] : [der.explicit(0, der.integer(2))]),
    der.element(tag.integer, forgery.serial ?? Buffer.concat([Buffer.from([0x41]), randomBytes(15)])),
    algorithm,
    issuer?.certificate.subject.der ?? subjectDer,
    der.sequence(
      der.time(forgery.notBefore ?? secondsLater(-3600)),
      der.time(forgery.notAfter ?? secondsLater(3600)),
    ),
    subjectDer,
    publicKeyInfo(key),
    ...(version === 1 || extensions.length === 0 ? [] : [der.explicit(3, der.sequence(...extensions))]),
  );
  const signed = forgery.edit?.(tbs) ?? tbs;
  const hash = weak?.hash ?? (signingKey.asymmetricKeyType === 'ed25519' ? null : hashOf(signingKey));
  return der.sequence(signed, algorithm, der.bitString(sign(hash, signed, signingKey)));
}

function hashOf(key: KeyObject): string {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === 'secp384r1' ? 'sha384' : curve === 'secp521r1' ? 'sha512' : 'sha256';
}

/** A forgery as a credential; extensions get key identifiers in front unless `bare`. */
export function forge(forgery: Forgery & { readonly bare?: boolean }): Credential {
  const key = forgery.key ?? ecKey();
  const identifiers = forgery.bare === true ? [] : keyIdentifiers(key, forgery.issuer?.key);
  const extensions = [...identifiers, ...(forgery.extensions ?? [])];
  const certificate = parseCertificate(forgeDer({ ...forgery, extensions }, key));
  return { key, certificate, chain: [] };
}

/** A root of its own, not of XtreemOS's profile. */
export function forgeRoot(
  commonName: string,
  extra: Partial<Forgery> & { readonly bare?: boolean } = {},
): Credential {
  return forge({
    subject: [
      ['O', 'XtreemOS'],
      ['CN', commonName],
    ],
    extensions: [basicConstraints(true), certificateSigning],
    notAfter: secondsLater(86_400 * 365),
    ...extra,
  });
}

/** A copy of DER with one byte changed, counted from the end when negative. */
export function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

export { now };
