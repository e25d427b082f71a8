import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { reasonOf, XosError } from '@xtreemos/base';
import { DerReader } from './der-reader.ts';
import * as der from './der-writer.ts';
import { decryptPbes2, encryptPbes2 } from './password-encryption.ts';
import { type PemBlock, readPem, writePem } from './pem.ts';
import { describeKey, judgeKey } from './public-key.ts';

/** `ecdsa-p256` is the default everywhere: small, fast to sign, understood by every peer. */
export type KeyType = 'ecdsa-p256' | 'rsa-3072' | 'ed25519';

/** A passphrase as typed (UTF-8). A Buffer can be wiped by its owner afterwards. */
export type Passphrase = string | Buffer;

const generateKeyPairAsync = promisify(generateKeyPair);

/** Makes a private key (node's KeyObject; `createPublicKey(key)` gives the public half). Off the main thread. */
export async function generateKey(type: KeyType = 'ecdsa-p256'): Promise<KeyObject> {
  switch (type) {
    case 'ecdsa-p256':
      return (await generateKeyPairAsync('ec', { namedCurve: 'P-256' })).privateKey;
    case 'rsa-3072':
      return (await generateKeyPairAsync('rsa', { modulusLength: 3072 })).privateKey;
    case 'ed25519':
      return (await generateKeyPairAsync('ed25519')).privateKey;
  }
}

/** Labels under which a private key may stand in PEM. */
export const privateKeyLabels: ReadonlySet<string> = new Set([
  'PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
  'RSA PRIVATE KEY',
  'EC PRIVATE KEY',
]);

const maximumPrivateKeyBytes = 65536;

/**
 * Reads a PEM private key: PKCS#8 plain or encrypted, or traditional (`RSA|EC PRIVATE KEY`, also with `Proc-Type`).
 * The key is judged: RSA below 2048 bits or another algorithm than RSA, P-256/384/521, Ed25519 is refused.
 * Errors: XOS_CREDENTIAL_NO_KEY, XOS_CREDENTIAL_PASSPHRASE_NEEDED, XOS_CREDENTIAL_PASSPHRASE, XOS_KEY_WEAK, XOS_INPUT_BAD.
 */
export async function readPrivateKey(pem: Buffer | string, passphrase?: Passphrase): Promise<KeyObject> {
  const blocks = readPem(pem, 'private key', maximumPrivateKeyBytes);
  const block = blocks.find(({ label }) => privateKeyLabels.has(label));
  if (block === undefined) throw new XosError('XOS_CREDENTIAL_NO_KEY', { name: 'this credential' });
  return readPrivateKeyBlock(block, passphrase);
}

/** Whether the block cannot be read without a passphrase. */
export function isEncryptedKey(block: PemBlock): boolean {
  return (
    block.label === 'ENCRYPTED PRIVATE KEY' ||
    block.headers.some((line) => /^Proc-Type:.*ENCRYPTED/.test(line))
  );
}

export async function readPrivateKeyBlock(
  block: PemBlock,
  passphrase: Passphrase | undefined,
): Promise<KeyObject> {
  if (isEncryptedKey(block) && (passphrase === undefined || passphrase.length === 0)) {
    throw new XosError('XOS_CREDENTIAL_PASSPHRASE_NEEDED', { name: 'this credential' });
  }
  if (block.label === 'ENCRYPTED PRIVATE KEY') {
    return decryptPkcs8(block.der, passphraseBytes(passphrase ?? ''));
  }
  if (isEncryptedKey(block)) return readTraditional(block, passphraseBytes(passphrase ?? ''));
  const type =
    block.label === 'RSA PRIVATE KEY' ? 'pkcs1' : block.label === 'EC PRIVATE KEY' ? 'sec1' : 'pkcs8';
  return loadPrivateKey(() => createPrivateKey({ key: block.der, format: 'der', type }));
}

export function passphraseBytes(passphrase: Passphrase): Buffer {
  return typeof passphrase === 'string' ? Buffer.from(passphrase, 'utf8') : passphrase;
}

/** EncryptedPrivateKeyInfo. Its cost parameters are bounded here; OpenSSL would obey any. */
export async function decryptPkcs8(encrypted: Buffer, passphrase: Buffer): Promise<KeyObject> {
  const input = new DerReader(encrypted, 'encrypted private key');
  const outer = input.sequence('EncryptedPrivateKeyInfo');
  input.finish('EncryptedPrivateKeyInfo');
  const algorithm = outer.sequence('encryption algorithm');
  const ciphertext = outer.octetString('encrypted data');
  outer.finish('EncryptedPrivateKeyInfo');
  const plaintext = await decryptPbes2(algorithm, ciphertext, passphrase);
  // A wrong passphrase passes the padding check once in 256 times: what comes out is then no SEQUENCE of its length.
  if (plaintext === undefined || !isOneSequence(plaintext)) throw wrongPassphrase();
  try {
    return loadPrivateKey(() => createPrivateKey({ key: plaintext, format: 'der', type: 'pkcs8' }));
  } finally {
    plaintext.fill(0);
  }
}

function isOneSequence(bytes: Buffer): boolean {
  try {
    const reader = new DerReader(bytes, 'private key');
    reader.sequence('PrivateKeyInfo');
    return reader.done;
  } catch {
    return false;
  }
}

export function wrongPassphrase(): XosError {
  return new XosError('XOS_CREDENTIAL_PASSPHRASE', { name: 'this credential' });
}

/** Traditional encryption derives its key by one MD5 round, which costs nothing: OpenSSL may read it. */
function readTraditional(block: PemBlock, passphrase: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: block.text, format: 'pem', passphrase });
  } catch {
    throw wrongPassphrase();
  }
  judgeKey(describeKey(key));
  return key;
}

function loadPrivateKey(load: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = load();
  } catch (cause) {
    const reason = `the key cannot be loaded (${reasonOf(cause)})`;
    throw new XosError('XOS_INPUT_BAD', { what: 'private key', where: 'its DER', reason }, { cause });
  }
  judgeKey(describeKey(key));
  return key;
}

/** 600,000 rounds of PBKDF2 with HMAC-SHA-256: OWASP's advice of 2023. */
export const defaultKeyIterations = 600_000;

/** Encrypted PKCS#8 PEM: PBES2, AES-256-CBC, PBKDF2 HMAC-SHA-256 with `iterations` (default 600,000, 0.2 to 0.6 s). */
export async function encryptPrivateKey(
  key: KeyObject,
  passphrase: Passphrase,
  options: { readonly iterations?: number } = {},
): Promise<string> {
  const encrypted = await encryptPkcs8(
    key,
    passphraseBytes(passphrase),
    options.iterations ?? defaultKeyIterations,
  );
  return writePem('ENCRYPTED PRIVATE KEY', encrypted);
}

/** DER EncryptedPrivateKeyInfo. */
export async function encryptPkcs8(key: KeyObject, passphrase: Buffer, iterations: number): Promise<Buffer> {
  if (passphrase.length === 0) {
    throw new XosError('XOS_INPUT_BAD', { what: 'passphrase', where: 'its end', reason: 'it is empty' });
  }
  const plaintext = key.export({ type: 'pkcs8', format: 'der' });
  const { algorithm, ciphertext } = await encryptPbes2(plaintext, passphrase, iterations);
  plaintext.fill(0);
  return der.sequence(algorithm, der.octetString(ciphertext));
}

/** PKCS#8 PEM without encryption: for host keys and session proxies, whose file mode protects them. */
export function plainPrivateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}
