import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import { type Certificate, certificatePem, maximumChainLength, parseCertificate } from './certificate.ts';
import { namesEqual } from './distinguished-name.ts';
import { proxyPolicyOid } from './object-identifiers.ts';
import { isSelfIssued } from './path-building.ts';
import { looksLikeDer, type PemBlock, readPem } from './pem.ts';
import { buildPkcs12, looksLikePkcs12, readPkcs12 } from './pkcs12.ts';
import {
  encryptPrivateKey,
  isEncryptedKey,
  type Passphrase,
  passphraseBytes,
  plainPrivateKeyPem,
  privateKeyLabels,
  readPrivateKeyBlock,
} from './private-key.ts';
import { describeKeyKind, publicKeyInfo } from './public-key.ts';
import { signBytes, verifyBytes } from './signature-algorithm.ts';

/** A private key with its certificate and the certificates above it (nearest issuer first, the leaf not among them). */
export interface Credential {
  readonly key: KeyObject;
  readonly certificate: Certificate;
  readonly chain: readonly Certificate[];
}

/** What can be said of credential bytes before the passphrase is known. */
export interface CredentialOutline {
  readonly format: 'pem' | 'pkcs12';
  /** A passphrase will be needed. */
  readonly encrypted: boolean;
  /** PKCS#12 usually hides its certificates until decrypted. In PEM the first one. */
  readonly certificate: Certificate | undefined;
}

const maximumCredentialBytes = 1048576;
const unnamed = 'this credential';

function checkSize(bytes: Buffer): void {
  if (bytes.length <= maximumCredentialBytes) return;
  throw new XosError('XOS_INPUT_TOO_LARGE', {
    what: 'credential',
    size: bytes.length,
    limit: maximumCredentialBytes,
  });
}

function keyBlockOf(blocks: readonly PemBlock[]): PemBlock {
  const keys = blocks.filter(({ label }) => privateKeyLabels.has(label));
  const [key] = keys;
  if (key === undefined) throw new XosError('XOS_CREDENTIAL_NO_KEY', { name: unnamed });
  if (keys.length > 1) {
    const reason = `it has ${keys.length} private keys; keep one`;
    throw new XosError('XOS_INPUT_BAD', { what: 'credential', where: 'the PEM text', reason });
  }
  return key;
}

/** Reads certificates of PEM blocks; more than a chain's worth is refused. */
function certificatesOf(blocks: readonly PemBlock[]): readonly Certificate[] {
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE');
  if (certificates.length > maximumChainLength) {
    const reason = `it has ${certificates.length} certificates, at most ${maximumChainLength} are accepted`;
    throw new XosError('XOS_INPUT_BAD', { what: 'credential', where: 'the PEM text', reason });
  }
  return certificates.map(({ der }) => parseCertificate(der));
}

function demandPkcs12(bytes: Buffer): void {
  if (looksLikePkcs12(bytes)) return;
  const reason = 'it is neither PEM nor PKCS#12';
  throw new XosError('XOS_INPUT_BAD', { what: 'credential', where: 'its first bytes', reason });
}

/** Size, format and whether a passphrase is needed. Errors: XOS_INPUT_BAD, XOS_INPUT_TOO_LARGE, XOS_CREDENTIAL_NO_KEY. */
export function outlineCredential(bytes: Buffer): CredentialOutline {
  checkSize(bytes);
  if (looksLikeDer(bytes)) {
    demandPkcs12(bytes);
    return { format: 'pkcs12', encrypted: true, certificate: undefined };
  }
  const blocks = readPem(bytes, 'credential', maximumCredentialBytes);
  return {
    format: 'pem',
    encrypted: isEncryptedKey(keyBlockOf(blocks)),
    certificate: certificatesOf(blocks)[0],
  };
}

/**
 * Reads PEM (key and certificates in any order) or PKCS#12, at most 1 MiB; key derivation runs off the main thread.
 * Errors: XOS_CREDENTIAL_PASSPHRASE_NEEDED, XOS_CREDENTIAL_PASSPHRASE, XOS_CREDENTIAL_NO_KEY, XOS_CREDENTIAL_KEY_MISMATCH,
 * XOS_CREDENTIAL_NO_CERTIFICATE, XOS_KEY_WEAK, XOS_INPUT_BAD, XOS_INPUT_TOO_LARGE.
 */
export async function readCredential(bytes: Buffer, passphrase?: Passphrase): Promise<Credential> {
  checkSize(bytes);
  if (looksLikeDer(bytes)) {
    demandPkcs12(bytes);
    if (passphrase === undefined) throw new XosError('XOS_CREDENTIAL_PASSPHRASE_NEEDED', { name: unnamed });
    const { keys, certificates } = await readPkcs12(bytes, passphraseBytes(passphrase));
    const [key] = keys;
    if (key === undefined) throw new XosError('XOS_CREDENTIAL_NO_KEY', { name: unnamed });
    return assemble(key, certificates);
  }
  const blocks = readPem(bytes, 'credential', maximumCredentialBytes);
  const keyBlock = keyBlockOf(blocks);
  // Certificates first: what cannot become a credential should not cost a key derivation.
  const certificates = certificatesOf(blocks);
  if (certificates.length === 0) throw new XosError('XOS_CREDENTIAL_NO_CERTIFICATE', { name: unnamed });
  return assemble(await readPrivateKeyBlock(keyBlock, passphrase), certificates);
}

/**
 * A key file carries its public half beside the private one, and OpenSSL believes it: somebody else's public key with an own
 * private one would look like theirs. A signature tells.
 */
function isPair(key: KeyObject, certificate: Certificate): boolean {
  const nonce = randomBytes(32);
  return verifyBytes(nonce, signBytes(nonce, key), certificate.publicKey);
}

/**
 * Puts a key and certificates in any order together. The chain holds what links up from the key's certificate; strangers are
 * left out. Errors: XOS_CREDENTIAL_NO_CERTIFICATE, XOS_CREDENTIAL_KEY_MISMATCH.
 */
export function assemble(key: KeyObject, certificates: readonly Certificate[]): Credential {
  if (certificates.length === 0) throw new XosError('XOS_CREDENTIAL_NO_CERTIFICATE', { name: unnamed });
  const spki = publicKeyInfo(createPublicKey(key));
  const certificate = certificates.find((candidate) => candidate.subjectPublicKeyInfo.equals(spki));
  if (certificate === undefined || !isPair(key, certificate)) {
    throw new XosError('XOS_CREDENTIAL_KEY_MISMATCH', { name: unnamed });
  }
  const chain: Certificate[] = [];
  for (let current = certificate; !isSelfIssued(current); ) {
    const issuer = certificates.find(
      (candidate) =>
        candidate !== certificate &&
        !chain.includes(candidate) &&
        namesEqual(candidate.subject, current.issuer),
    );
    if (issuer === undefined) break;
    chain.push(issuer);
    current = issuer;
  }
  return { key, certificate, chain };
}

/** PEM: certificate, key, chain (the order of proxy files). Without passphrase the key is plain. */
export async function writeCredentialPem(
  credential: Credential,
  options: { readonly passphrase?: Passphrase; readonly iterations?: number } = {},
): Promise<string> {
  const { passphrase, iterations } = options;
  const key =
    passphrase === undefined
      ? plainPrivateKeyPem(credential.key)
      : await encryptPrivateKey(credential.key, passphrase, iterations === undefined ? {} : { iterations });
  return certificatePem(credential.certificate) + key + certificatePem(...credential.chain);
}

/** PKCS#12 as OpenSSL 3 makes it: PBES2 AES-256-CBC, PBKDF2 and MAC with HMAC-SHA-256. Default 100,000 iterations. */
export async function writePkcs12(
  credential: Credential,
  passphrase: Passphrase,
  options: { readonly friendlyName?: string; readonly iterations?: number } = {},
): Promise<Buffer> {
  const { key, certificate, chain } = credential;
  const friendlyName = options.friendlyName ?? certificate.subject.commonName ?? certificate.subject.rfc4514;
  const content = { key, certificates: [certificate, ...chain], friendlyName };
  return buildPkcs12(content, passphraseBytes(passphrase), options.iterations ?? 100_000);
}

/** What a credential is, ready to print or to serialise. Nothing here is validated: it is what the certificate says. */
export interface CredentialDescription {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly keyType: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly remainingSeconds: number;
  readonly guid: string | undefined;
  readonly user: string | undefined;
  readonly vos: readonly string[];
  readonly fqans: readonly string[];
  readonly primaryFqans: readonly string[];
  readonly hostRole: string | undefined;
  readonly boundToHost: string | undefined;
  readonly proxyDepth: number;
  readonly limited: boolean;
}

/** Identity is taken from the first certificate that is no proxy; times and key from the leaf. */
export function describeCredential(
  credential: Pick<Credential, 'certificate' | 'chain'>,
  now: Date = new Date(),
): CredentialDescription {
  const { certificate, chain } = credential;
  const all = [certificate, ...chain];
  const proxyDepth = Math.max(
    0,
    all.findIndex(({ proxyCertInfo }) => proxyCertInfo === undefined),
  );
  const endEntity = all[proxyDepth] ?? certificate;
  const personal = all.slice(0, proxyDepth + 1);
  const { xos, subject } = endEntity;
  return {
    subject: certificate.subject.rfc4514,
    issuer: certificate.issuer.rfc4514,
    serial: certificate.serial,
    fingerprint: certificate.fingerprint,
    keyType: describeKeyKind(certificate.keyDescription),
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    remainingSeconds: Math.max(0, Math.floor((certificate.notAfter.getTime() - now.getTime()) / 1000)),
    guid: xos.guid,
    user: xos.guid === undefined ? undefined : subject.commonName,
    vos: xos.vos ?? [],
    fqans: xos.fqans ?? [],
    primaryFqans: xos.primaryFqans ?? [],
    hostRole: xos.hostRole,
    boundToHost: personal.find((one) => one.xos.session !== undefined)?.xos.session?.hostGuid,
    proxyDepth,
    limited: personal.some(({ proxyCertInfo }) => proxyCertInfo?.policyLanguage === proxyPolicyOid.limited),
  };
}
