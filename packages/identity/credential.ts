import type { KeyObject } from 'node:crypto';
import type { Certificate } from './certificate.ts';
import type { Passphrase } from './private-key.ts';
import { unbuilt } from './unbuilt.ts';

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
  /** PKCS#12 usually hides its certificates until decrypted. */
  readonly certificate: Certificate | undefined;
}

/** Size, format and whether a passphrase is needed. Errors: XOS_IDENTITY_MALFORMED, XOS_IDENTITY_KEY_MISSING. */
export function outlineCredential(bytes: Buffer): CredentialOutline {
  return unbuilt(`outlineCredential ${bytes.length}`);
}

/**
 * Reads PEM (key and certificates in any order) or PKCS#12, at most 1 MiB; key derivation runs off the main thread.
 * Errors: XOS_IDENTITY_PASSPHRASE_NEEDED, _PASSPHRASE_WRONG, _KEY_MISSING, _KEY_MISMATCH (no certificate for this key),
 * _CERTIFICATE_MISSING, _KEY_WEAK, _MALFORMED.
 */
export async function readCredential(bytes: Buffer, passphrase?: Passphrase): Promise<Credential> {
  return unbuilt(`readCredential ${bytes.length} ${passphrase?.length}`);
}

/** PEM: certificate, key, chain (the order of proxy files). Without passphrase the key is plain. */
export async function writeCredentialPem(
  credential: Credential,
  options: { readonly passphrase?: Passphrase; readonly iterations?: number } = {},
): Promise<string> {
  return unbuilt(`writeCredentialPem ${credential.certificate.serial} ${options.iterations}`);
}

/** PKCS#12 as OpenSSL 3 makes it: PBES2 AES-256-CBC, PBKDF2 and MAC with HMAC-SHA-256. Default 100,000 iterations. */
export async function writePkcs12(
  credential: Credential,
  passphrase: Passphrase,
  options: { readonly friendlyName?: string; readonly iterations?: number } = {},
): Promise<Buffer> {
  return unbuilt(`writePkcs12 ${credential.certificate.serial} ${passphrase.length} ${options.iterations}`);
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

export function describeCredential(
  credential: Pick<Credential, 'certificate' | 'chain'>,
  now: Date = new Date(),
): CredentialDescription {
  return unbuilt(`describeCredential ${credential.certificate.serial} ${now.toISOString()}`);
}
