/** Keys of package repositories and signatures by them: OpenPGP version 4, which gpgv, sqv, rpm and dnf all verify. */
import {
  createCleartextMessage,
  createMessage,
  decryptKey,
  encryptKey,
  generateKey,
  type Key,
  type PartialConfig,
  type PrivateKey,
  readCleartextMessage,
  readKeys,
  readPrivateKey,
  readSignature,
  type Signature,
  sign,
  verify,
} from 'openpgp';

export const algorithms = ['rsa3072', 'ed25519'] as const;
export type Algorithm = (typeof algorithms)[number];

export interface NewKey {
  readonly name: string;
  readonly email: string;
  readonly algorithm: Algorithm;
  /** From now; the key never expires where absent. */
  readonly validDays?: number | undefined;
  /** Encrypts the private key; it is kept in the clear where absent. */
  readonly passphrase?: string | undefined;
  readonly now: Date;
}

const config: PartialConfig = {
  // The same key, bytes and time give the same signature. The random salt that the library would add guards
  // against faults in computing EdDSA, which the check of each signature below sees as well.
  nonDeterministicSignaturesViaNotation: false,
};

/** The private key, armored, and the certificate that revokes it. */
export async function makeKey(options: NewKey): Promise<{ privateKey: string; revocation: string }> {
  const { privateKey, revocationCertificate } = await generateKey({
    ...(options.algorithm === 'rsa3072'
      ? { type: 'rsa', rsaBits: 3072 }
      : { type: 'ecc', curve: 'ed25519Legacy' }),
    userIDs: [{ name: options.name, email: options.email }],
    date: options.now,
    ...(options.validDays === undefined ? {} : { keyExpirationTime: options.validDays * 86_400 }),
    // The primary key signs by itself: rpm has learnt about signing subkeys late, and nothing is ever encrypted.
    subkeys: [],
    format: 'object',
    config,
  });
  await certifyForRpm(privateKey, options.now);
  const { passphrase } = options;
  const kept = passphrase === undefined ? privateKey : await encryptKey({ privateKey, passphrase });
  return { privateKey: kept.armor(), revocation: revocationCertificate };
}

/** What the library's SignaturePacket has beyond its type declarations. */
interface Certification {
  writeHashedSubPackets(): Uint8Array;
  sign(key: object, data: object, date: Date, detached: boolean, config: PartialConfig): Promise<void>;
}

/**
 * Signs the user id again, with nothing marked critical: the library marks key flags and key expiration, and an rpm without
 * Sequoia (Debian 12's 4.18, Enterprise Linux 8's) refuses a key with critical subpackets that it does not evaluate.
 * GnuPG marks none either.
 */
async function certifyForRpm(key: PrivateKey, date: Date): Promise<void> {
  const [user] = key.users;
  const certification = user?.selfCertifications[0] as unknown as Certification | undefined;
  if (user === undefined || certification === undefined) throw new Error('the new key has no user id');
  const write = certification.writeHashedSubPackets.bind(certification);
  certification.writeHashedSubPackets = () => withoutCritical(write());
  const signed = { userID: user.userID, key: key.keyPacket };
  await certification.sign(key.keyPacket, signed, date, false, config);
}

/** @param area two octets of length, then subpackets shorter than 192 octets: length, type with the critical bit, body. */
function withoutCritical(area: Uint8Array): Uint8Array {
  const cleared = Uint8Array.from(area);
  for (let at = 2; at < cleared.length; ) {
    const length = cleared[at] ?? 0;
    if (length === 0 || length > 191) throw new Error('a signature subpacket of unexpected length');
    cleared[at + 1] = (cleared[at + 1] ?? 0) & 0x7f;
    at += 1 + length;
  }
  return cleared;
}

/** Public keys of a file, armored or not. */
export async function readPublicKeys(bytes: Buffer): Promise<Key[]> {
  const text = bytes.toString('latin1');
  const keys = text.startsWith('-----BEGIN PGP')
    ? await readKeys({ armoredKeys: text })
    : await readKeys({ binaryKeys: bytes });
  return keys.map((key) => key.toPublic());
}

export class Signer {
  readonly publicKey: Key;
  readonly #privateKey: PrivateKey;

  private constructor(privateKey: PrivateKey) {
    this.#privateKey = privateKey;
    this.publicKey = privateKey.toPublic();
  }

  /** @throws Error when the passphrase is wrong or absent, or the key can no longer sign. */
  static async open(armored: string, passphrase: string | undefined, now: Date): Promise<Signer> {
    const locked = await readPrivateKey({ armoredKey: armored });
    if (!locked.isDecrypted() && passphrase === undefined)
      throw new Error('the signing key has a passphrase: give --passphrase-file, or run on a terminal');
    const key = locked.isDecrypted()
      ? locked
      : await decryptKey({ privateKey: locked, ...(passphrase === undefined ? {} : { passphrase }) });
    const expires = await key.getExpirationTime();
    if (expires instanceof Date && expires <= now)
      throw new Error(`the signing key expired on ${expires.toISOString().slice(0, 10)}: make another`);
    await key.getSigningKey(undefined, now);
    return new Signer(key);
  }

  /** Upper-case hexadecimal. */
  get fingerprint(): string {
    return this.publicKey.getFingerprint().toUpperCase();
  }

  get created(): Date {
    return this.publicKey.getCreationTime();
  }

  /** The text, readable, with its signature (RFC 9580, section 7). */
  async clearsign(text: string, date: Date): Promise<string> {
    // The framework's last line end belongs to the armor, not to the text.
    const message = await createCleartextMessage({ text: text.replace(/\n$/, '') });
    const signed = await sign({ message, signingKeys: this.#privateKey, date, config });
    await verify({
      message: await readCleartextMessage({ cleartextMessage: signed }),
      verificationKeys: this.publicKey,
      expectSigned: true,
      date,
    });
    return signed;
  }

  /** A signature apart from what it signs. */
  async sign(bytes: Uint8Array, date: Date): Promise<Signature> {
    const message = await createMessage({ binary: bytes });
    const binarySignature = await sign({
      message,
      signingKeys: this.#privateKey,
      detached: true,
      format: 'binary',
      date,
      config,
    });
    const signature = await readSignature({ binarySignature });
    await verify({ message, signature, verificationKeys: this.publicKey, expectSigned: true, date });
    return signature;
  }
}
