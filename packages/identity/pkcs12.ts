import { isUtf8, transcode } from 'node:buffer';
import {
  createHash,
  createHmac,
  createPrivateKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { reasonOf, XosError } from '@xtreemos/base';
import { type RehashDigest, rehash } from '@xtreemos/native-sys';
import { type Certificate, maximumChainLength, parseCertificate } from './certificate.ts';
import { contextTag, DerReader, tag } from './der-reader.ts';
import * as der from './der-writer.ts';
import { checkIterations, decryptPbes2, pbkdf2Async, readPbkdf2 } from './password-encryption.ts';
import { decryptPkcs8, encryptPkcs8, wrongPassphrase } from './private-key.ts';
import { describeKey, judgeKey } from './public-key.ts';
import { sha256 } from './signature-algorithm.ts';

/** RFC 7292. What OpenSSL 3 writes by default is read and written; the older RC2 and triple-DES schemes are not. */
const oid = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  sha256: '2.16.840.1.101.3.4.2.1',
  pbmac1: '1.2.840.113549.1.5.14',
} as const;

interface MacDigest {
  readonly name: RehashDigest;
  readonly blockBytes: number;
}

const sha256Mac: MacDigest = { name: 'sha256', blockBytes: 64 };

const digests: ReadonlyMap<string, MacDigest> = new Map([
  ['1.3.14.3.2.26', { name: 'sha1', blockBytes: 64 }],
  [oid.sha256, sha256Mac],
  ['2.16.840.1.101.3.4.2.2', { name: 'sha384', blockBytes: 128 }],
  ['2.16.840.1.101.3.4.2.3', { name: 'sha512', blockBytes: 128 }],
]);

const hmacDigests: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);

/** What a PKCS#12 file holds; which certificate belongs to which key is for the caller to find. */
export interface Pkcs12Content {
  readonly keys: readonly KeyObject[];
  readonly certificates: readonly Certificate[];
  readonly friendlyName: string | undefined;
}

interface Envelope {
  readonly authenticatedSafe: Buffer;
  readonly mac: DerReader | undefined;
}

const what = 'PKCS#12 file';
const maximumBags = 32;

/** Whether DER bytes are a PFX at all, judged by the version number that a certificate or key does not begin with. */
export function looksLikePkcs12(bytes: Buffer): boolean {
  try {
    return new DerReader(bytes, what).sequence('PFX').smallInteger('version') === 3;
  } catch {
    return false;
  }
}

function readEnvelope(bytes: Buffer): Envelope {
  const input = new DerReader(bytes, what);
  const pfx = input.sequence('PFX');
  input.finish('PFX');
  if (pfx.smallInteger('version') !== 3) pfx.refuse('the version is not 3');
  const safe = pfx.sequence('authSafe');
  const type = safe.oid('authSafe type');
  if (type !== oid.data) safe.refuse('it is protected by a public key, not by a passphrase');
  const authenticatedSafe = safe
    .enter(contextTag(0, true), 'authSafe content')
    .octetString('authSafe content');
  safe.finish('authSafe');
  const mac = pfx.done ? undefined : pfx.sequence('macData');
  pfx.finish('PFX');
  return { authenticatedSafe, mac };
}

/**
 * Reads keys and certificates. The MAC tells a wrong passphrase; a file without MAC is refused, since anybody could have put
 * another key into it. Errors: XOS_CREDENTIAL_PASSPHRASE, XOS_INPUT_BAD.
 */
export async function readPkcs12(bytes: Buffer, passphrase: Buffer): Promise<Pkcs12Content> {
  const { authenticatedSafe, mac } = readEnvelope(bytes);
  if (mac === undefined) throw refusal('macData', 'it has no integrity check (MAC)');
  if (!(await isMacGood(mac, authenticatedSafe, passphrase))) throw wrongPassphrase();
  return readAuthenticatedSafe(authenticatedSafe, passphrase);
}

/** Reads what the MAC protects. */
export async function readAuthenticatedSafe(
  authenticatedSafe: Buffer,
  passphrase: Buffer,
): Promise<Pkcs12Content> {
  const keys: KeyObject[] = [];
  const certificates: Certificate[] = [];
  let friendlyName: string | undefined;
  const input = new DerReader(authenticatedSafe, what);
  const contents = input.sequence('AuthenticatedSafe');
  input.finish('AuthenticatedSafe');
  let bags = 0;
  while (!contents.done) {
    const safe = await openSafe(contents.sequence('ContentInfo'), passphrase);
    const list = new DerReader(safe, what).sequence('SafeContents');
    while (!list.done) {
      if (++bags > maximumBags) list.refuse(`there are more than ${maximumBags} bags`);
      const bag = list.sequence('SafeBag');
      const bagType = bag.oid('bag type');
      const value = bag.enter(contextTag(0, true), 'bag value');
      const name = bag.done ? undefined : readFriendlyName(bag.enter(tag.set, 'bag attributes'));
      if (bagType === oid.keyBag) keys.push(loadKey(value.any('key').der));
      else if (bagType === oid.shroudedKeyBag)
        keys.push(await decryptPkcs8(value.any('key').der, passphrase));
      else if (bagType === oid.certificateBag) certificates.push(readCertificateBag(value));
      if (bagType !== oid.certificateBag) friendlyName ??= name;
      if (certificates.length > maximumChainLength)
        list.refuse(`there are more than ${maximumChainLength} certificates`);
    }
  }
  return { keys, certificates, friendlyName };
}

function refusal(where: string, reason: string, cause?: unknown): XosError {
  return new XosError('XOS_INPUT_BAD', { what, where, reason }, { cause });
}

async function openSafe(content: DerReader, passphrase: Buffer): Promise<Buffer> {
  const type = content.oid('content type');
  const wrapped = content.enter(contextTag(0, true), 'content');
  if (type === oid.data) return wrapped.octetString('content');
  if (type !== oid.encryptedData) content.refuse(`content of type ${type} is not supported`);
  const encrypted = wrapped.sequence('EncryptedData');
  encrypted.smallInteger('version');
  const info = encrypted.sequence('EncryptedContentInfo');
  info.oid('content type');
  const algorithm = info.sequence('encryption algorithm');
  const ciphertext = info.element(contextTag(0, false), 'encrypted content').content;
  const plaintext = await decryptPbes2(algorithm, ciphertext, passphrase);
  if (plaintext === undefined) throw wrongPassphrase();
  return plaintext;
}

function loadKey(pkcs8: Buffer): KeyObject {
  try {
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    judgeKey(describeKey(key));
    return key;
  } catch (error) {
    if (error instanceof XosError) throw error;
    throw refusal('key bag', `the key cannot be loaded (${reasonOf(error)})`, error);
  }
}

function readCertificateBag(value: DerReader): Certificate {
  const bag = value.sequence('CertBag');
  const type = bag.oid('certificate type');
  if (type !== oid.x509) bag.refuse(`certificate type ${type} is not supported`);
  return parseCertificate(bag.enter(contextTag(0, true), 'certificate').octetString('certificate'));
}

function readFriendlyName(attributes: DerReader): string | undefined {
  let name: string | undefined;
  while (!attributes.done) {
    const attribute = attributes.sequence('attribute');
    const type = attribute.oid('attribute type');
    const values = attribute.enter(tag.set, 'attribute values');
    if (type !== oid.friendlyName) continue;
    const { content } = values.element(tag.bmpString, 'friendly name');
    if (content.length % 2 === 0) name = Buffer.from(content).swap16().toString('utf16le');
  }
  return name;
}

async function isMacGood(mac: DerReader, data: Buffer, passphrase: Buffer): Promise<boolean> {
  const digestInfo = mac.sequence('mac');
  const algorithm = digestInfo.sequence('mac algorithm');
  const type = algorithm.oid('mac algorithm');
  const expected = digestInfo.octetString('mac value');
  const salt = mac.octetString('mac salt');
  const iterations = mac.done ? 1 : mac.smallInteger('mac iterations');
  checkIterations(mac, iterations);
  const isGood = (key: Buffer, digest: string): boolean => {
    const actual = createHmac(digest, key).update(data).digest();
    key.fill(0);
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  };
  if (type === oid.pbmac1) {
    // RFC 9579: PBKDF2 in place of PKCS#12's own derivation.
    const parameters = algorithm.sequence('PBMAC1 parameters');
    const derivation = parameters.sequence('key derivation');
    derivation.oid('key derivation');
    const {
      salt: pbkdf2Salt,
      iterations: rounds,
      keyBytes,
      digest,
    } = readPbkdf2(derivation.sequence('PBKDF2 parameters'));
    const scheme = parameters.sequence('mac scheme').oid('mac scheme');
    const hmac = hmacDigests.get(scheme);
    if (hmac === undefined || keyBytes === undefined || keyBytes > 64)
      return parameters.refuse('PBMAC1 parameters');
    return isGood(await pbkdf2Async(passphrase, pbkdf2Salt, rounds, keyBytes, digest), hmac);
  }
  const digest = digests.get(type) ?? algorithm.refuse(`a MAC with ${type} is not supported`);
  return isGood(await deriveMacKey(passphrase, salt, iterations, digest), digest.name);
}

const macKeyId = 3;

/**
 * RFC 7292 appendix B.2, for one block of output: all that a MAC key needs. The rounds run on a thread of their own: the
 * daemon that opens a login's file answers others meanwhile.
 */
async function deriveMacKey(
  passphrase: Buffer,
  salt: Buffer,
  iterations: number,
  digest: MacDigest,
): Promise<Buffer> {
  const fill = (bytes: Buffer): Buffer =>
    Buffer.alloc(Math.ceil(bytes.length / digest.blockBytes) * digest.blockBytes, bytes);
  const password = bmpPassword(passphrase);
  const filled = fill(password);
  const diversifier = Buffer.alloc(digest.blockBytes, macKeyId);
  const first = createHash(digest.name)
    .update(diversifier)
    .update(salt.length === 0 ? salt : fill(salt))
    .update(filled)
    .digest();
  password.fill(0);
  filled.fill(0);
  try {
    return await rehash(digest.name, first, iterations - 1);
  } finally {
    first.fill(0);
  }
}

/**
 * UTF-16BE with a final NUL, as appendix B.1 has it; of bytes that are no UTF-8 each is a character, as OpenSSL takes them.
 * No string is made on the way: strings cannot be wiped.
 */
function bmpPassword(passphrase: Buffer): Buffer {
  const characters = transcode(passphrase, isUtf8(passphrase) ? 'utf8' : 'latin1', 'utf16le');
  const password = Buffer.alloc(characters.length + 2);
  characters.copy(password);
  characters.fill(0);
  return password.swap16();
}

/**
 * Writes what `openssl pkcs12 -export -certpbe NONE` of OpenSSL 3 writes: the key in a shrouded bag under PBES2 with AES-256-CBC
 * and PBKDF2 HMAC-SHA-256, a MAC with SHA-256 over all, `iterations` for either. Certificates are public: encrypting them
 * would cost whoever opens the file a third derivation and an attacker nothing, who tries passphrases on the MAC.
 */
export async function buildPkcs12(
  content: {
    readonly key: KeyObject;
    readonly certificates: readonly Certificate[];
    readonly friendlyName: string;
  },
  passphrase: Buffer,
  iterations: number,
): Promise<Buffer> {
  const { key, certificates, friendlyName } = content;
  const localKeyId = sha256(certificates[0]?.der ?? Buffer.alloc(0)).subarray(0, 20);
  const attributes = der.setOf(
    der.sequence(der.oid(oid.localKeyId), der.setOf(der.octetString(localKeyId))),
    der.sequence(
      der.oid(oid.friendlyName),
      der.setOf(der.element(tag.bmpString, Buffer.from(friendlyName, 'utf16le').swap16())),
    ),
  );
  const certificateBags = certificates.map((certificate, index) =>
    der.sequence(
      der.oid(oid.certificateBag),
      der.explicit(0, der.sequence(der.oid(oid.x509), der.explicit(0, der.octetString(certificate.der)))),
      ...(index === 0 ? [attributes] : []),
    ),
  );
  const shrouded = await encryptPkcs8(key, passphrase, iterations);
  const keyBags = der.sequence(
    der.sequence(der.oid(oid.shroudedKeyBag), der.explicit(0, shrouded), attributes),
  );
  const certificateSafe = dataContent(der.sequence(...certificateBags));
  const authenticatedSafe = der.sequence(certificateSafe, dataContent(keyBags));

  const salt = randomBytes(16);
  const macKey = await deriveMacKey(passphrase, salt, iterations, sha256Mac);
  const mac = createHmac('sha256', macKey).update(authenticatedSafe).digest();
  macKey.fill(0);
  const digestInfo = der.sequence(der.sequence(der.oid(oid.sha256), der.nullValue()), der.octetString(mac));
  const macData = der.sequence(digestInfo, der.octetString(salt), der.integer(iterations));
  return der.sequence(der.integer(3), dataContent(authenticatedSafe), macData);
}

function dataContent(content: Buffer): Buffer {
  return der.sequence(der.oid(oid.data), der.explicit(0, der.octetString(content)));
}
