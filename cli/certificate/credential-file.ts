import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { reasonOf, writeFileAtomically, XosError } from '@xtreemos/base';
import { type Credential, writeCredentialPem, writePkcs12 } from '@xtreemos/identity';
import type { HostPaths } from '../host-paths.ts';
import type { Identity } from '../option-values.ts';

export type CredentialFormat = 'pem' | 'pkcs12';

/** Shorter ones fall to a GPU in hours, whatever the key derivation. */
export const minimumPassphraseBytes = 8;

/** `~/.config/xtreemos/alice@physics.example.org.pem` */
export function defaultCredentialFile(
  paths: HostPaths,
  identity: Identity,
  format: CredentialFormat,
): string {
  return join(paths.userDirectory, `${identity.user}@${identity.vo}.${format === 'pem' ? 'pem' : 'p12'}`);
}

/** `alice.p12` and `alice.pfx` are PKCS#12, anything else PEM. */
export function formatByName(file: string | undefined): CredentialFormat {
  return file !== undefined && /\.(?:p12|pfx)$/i.test(file) ? 'pkcs12' : 'pem';
}

/** Refuses a target that exists, before anything is asked of anybody. */
export function refuseExisting(file: string | undefined, force: boolean | undefined): void {
  if (file !== undefined && force !== true && existsSync(file)) {
    throw new XosError('XOS_EXISTS', { what: 'The file', name: `${file} (--force replaces it)` });
  }
}

/** The bytes of a credential whose key is encrypted under the passphrase. */
export async function credentialBytes(
  credential: Credential,
  format: CredentialFormat,
  passphrase: string,
  friendlyName: string,
): Promise<Buffer> {
  return format === 'pem'
    ? Buffer.from(await writeCredentialPem(credential, { passphrase }))
    : writePkcs12(credential, passphrase, { friendlyName });
}

/** Mode 0600 in a directory made with 0700 where missing; the old file or the new one, never a part. */
export async function writeSecretFile(file: string, content: Buffer | string): Promise<void> {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    await writeFileAtomically(file, content, { mode: 0o600 });
  } catch (error) {
    throw new XosError(
      'XOS_STORAGE_FAILED',
      { attempt: 'write the credential', path: file, reason: reasonOf(error) },
      { cause: error },
    );
  }
}
