import { createCipheriv, createDecipheriv, pbkdf2, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { XosError } from '@xtreemos/base';
import { type DerReader, tag } from './der-reader.ts';
import * as der from './der-writer.ts';

/** PBES2 (RFC 8018 section 6.2): password-based encryption as PKCS#8 and PKCS#12 use it. */
const oid = {
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  scrypt: '1.3.6.1.4.1.11591.4.11',
  hmacSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
} as const;

const pseudoRandomFunctions: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  [oid.hmacSha256, 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);

const ciphers: ReadonlyMap<
  string,
  { readonly name: string; readonly keyBytes: number; readonly ivBytes: number }
> = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyBytes: 16, ivBytes: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyBytes: 24, ivBytes: 16 }],
  [oid.aes256Cbc, { name: 'aes-256-cbc', keyBytes: 32, ivBytes: 16 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyBytes: 24, ivBytes: 8 }],
]);

/**
 * A file names its own cost. Above these it is refused: a stranger's file must not occupy a processor for a minute or
 * take all memory. 5,000,000 rounds of PBKDF2 take about 2 s; scrypt gets 256 MiB.
 */
const maximumIterations = 5_000_000;
const maximumScryptBytes = 256 * 1024 * 1024;

export const pbkdf2Async = promisify(pbkdf2);
const scryptAsync = promisify(
  (
    password: Buffer,
    salt: Buffer,
    length: number,
    options: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number },
    done: (error: Error | null, key: Buffer) => void,
  ) => scrypt(password, salt, length, options, done),
);

export function checkIterations(reader: DerReader, iterations: number): void {
  if (iterations < 1 || iterations > maximumIterations) {
    reader.refuse(`it asks for ${iterations} iterations, at most ${maximumIterations} are accepted`);
  }
}

/** Reads PBKDF2-params; the cursor stands inside the parameters. */
export function readPbkdf2(parameters: DerReader): {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly keyBytes: number | undefined;
  readonly digest: string;
} {
  const salt = parameters.octetString('PBKDF2 salt');
  const iterations = parameters.smallInteger('PBKDF2 iterations');
  checkIterations(parameters, iterations);
  const keyBytes =
    parameters.peek() === tag.integer ? parameters.smallInteger('PBKDF2 key length') : undefined;
  let digest = 'sha1';
  if (!parameters.done) {
    const prf = parameters.sequence('PBKDF2 PRF');
    const prfOid = prf.oid('PBKDF2 PRF');
    digest = pseudoRandomFunctions.get(prfOid) ?? parameters.refuse(`PBKDF2 with ${prfOid} is not supported`);
    if (!prf.done) prf.element(tag.null, 'PBKDF2 PRF parameters');
    prf.finish('PBKDF2 PRF');
  }
  parameters.finish('PBKDF2 parameters');
  return { salt, iterations, keyBytes, digest };
}

/** Decrypts under the PBES2 AlgorithmIdentifier at the cursor. Undefined: the padding is wrong, most likely the passphrase. */
export async function decryptPbes2(
  algorithm: DerReader,
  ciphertext: Buffer,
  passphrase: Buffer,
): Promise<Buffer | undefined> {
  const scheme = algorithm.oid('encryption algorithm');
  if (scheme !== oid.pbes2) {
    algorithm.refuse(
      `encryption ${scheme} is not supported; write the file again with PBES2, as OpenSSL 3 does`,
    );
  }
  const parameters = algorithm.sequence('PBES2 parameters');
  const derivation = parameters.sequence('key derivation');
  const encryption = parameters.sequence('encryption scheme');
  parameters.finish('PBES2 parameters');
  const cipherOid = encryption.oid('cipher');
  const cipher = ciphers.get(cipherOid) ?? encryption.refuse(`cipher ${cipherOid} is not supported`);
  const iv = encryption.octetString('initialisation vector');
  if (iv.length !== cipher.ivBytes) encryption.refuse(`the initialisation vector has ${iv.length} bytes`);
  const key = await deriveKey(derivation, passphrase, cipher.keyBytes);
  try {
    const decipher = createDecipheriv(cipher.name, key, iv);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    return undefined;
  } finally {
    key.fill(0);
  }
}

async function deriveKey(derivation: DerReader, passphrase: Buffer, keyBytes: number): Promise<Buffer> {
  const scheme = derivation.oid('key derivation');
  const parameters = derivation.sequence('key derivation parameters');
  derivation.finish('key derivation');
  if (scheme === oid.pbkdf2) {
    const { salt, iterations, digest, keyBytes: stated } = readPbkdf2(parameters);
    if (stated !== undefined && stated !== keyBytes)
      derivation.refuse(`a key of ${stated} bytes does not fit the cipher`);
    return pbkdf2Async(passphrase, salt, iterations, keyBytes, digest);
  }
  if (scheme === oid.scrypt) {
    const salt = parameters.octetString('scrypt salt');
    const cost = parameters.smallInteger('scrypt N');
    const blockSize = parameters.smallInteger('scrypt r');
    const parallel = parameters.smallInteger('scrypt p');
    const isPower = cost > 1 && (cost & (cost - 1)) === 0;
    const memoryBytes = 128 * cost * blockSize;
    // Every lane walks the whole memory: four of the largest take some seconds.
    const isBounded = memoryBytes <= maximumScryptBytes && memoryBytes * parallel <= maximumScryptBytes * 4;
    if (!isPower || blockSize < 1 || parallel < 1 || !isBounded) {
      parameters.refuse(`scrypt parameters N=${cost} r=${blockSize} p=${parallel} are out of bounds`);
    }
    const options = { N: cost, r: blockSize, p: parallel, maxmem: maximumScryptBytes * 2 };
    return scryptAsync(passphrase, salt, keyBytes, options);
  }
  return derivation.refuse(`key derivation ${scheme} is not supported`);
}

/** AlgorithmIdentifier and ciphertext: AES-256-CBC under PBKDF2 with HMAC-SHA-256 and 16 bytes of salt. */
export async function encryptPbes2(
  plaintext: Buffer,
  passphrase: Buffer,
  iterations: number,
): Promise<{ readonly algorithm: Buffer; readonly ciphertext: Buffer }> {
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > maximumIterations) {
    const reason = `${iterations} is not within 1 to ${maximumIterations}`;
    throw new XosError('XOS_INPUT_BAD', { what: 'number of iterations', where: 'key derivation', reason });
  }
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const key = await pbkdf2Async(passphrase, salt, iterations, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  key.fill(0);
  const prf = der.sequence(der.oid(oid.hmacSha256), der.nullValue());
  const derivation = der.sequence(
    der.oid(oid.pbkdf2),
    der.sequence(der.octetString(salt), der.integer(iterations), prf),
  );
  const encryption = der.sequence(der.oid(oid.aes256Cbc), der.octetString(iv));
  const algorithm = der.sequence(der.oid(oid.pbes2), der.sequence(derivation, encryption));
  return { algorithm, ciphertext };
}
