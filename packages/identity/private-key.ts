import type { KeyObject } from 'node:crypto';
import { unbuilt } from './unbuilt.ts';

/** `ecdsa-p256` is the default everywhere: small, fast to sign, understood by every peer. */
export type KeyType = 'ecdsa-p256' | 'rsa-3072' | 'ed25519';

/** A passphrase as typed (UTF-8). A Buffer can be wiped by its owner afterwards. */
export type Passphrase = string | Buffer;

/** Makes a private key (node's KeyObject; `createPublicKey(key)` gives the public half). Off the main thread. */
export async function generateKey(type: KeyType = 'ecdsa-p256'): Promise<KeyObject> {
  return unbuilt(`generateKey ${type}`);
}

/**
 * Reads a PEM private key: PKCS#8 plain or encrypted, or traditional (`RSA|EC PRIVATE KEY`, also with `Proc-Type`).
 * The key is judged: RSA below 2048 bits or another algorithm than RSA, P-256/384/521, Ed25519 is refused.
 * Errors: XOS_IDENTITY_KEY_MISSING, _PASSPHRASE_NEEDED, _PASSPHRASE_WRONG, _KEY_WEAK, _MALFORMED.
 */
export async function readPrivateKey(pem: Buffer | string, passphrase?: Passphrase): Promise<KeyObject> {
  return unbuilt(`readPrivateKey ${pem.length} ${passphrase?.length}`);
}

/** Encrypted PKCS#8 PEM: PBES2, AES-256-CBC, PBKDF2 HMAC-SHA-256 with `iterations` (default 600,000, about 0.2 s). */
export async function encryptPrivateKey(
  key: KeyObject,
  passphrase: Passphrase,
  options: { readonly iterations?: number } = {},
): Promise<string> {
  return unbuilt(`encryptPrivateKey ${key.type} ${passphrase.length} ${options.iterations}`);
}

/** PKCS#8 PEM without encryption: for host keys and session proxies, whose file mode protects them. */
export function plainPrivateKeyPem(key: KeyObject): string {
  return unbuilt(`plainPrivateKeyPem ${key.type}`);
}
