import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isXosError, reasonOf, XosError } from '@xtreemos/base';
import {
  type Certificate,
  type Credential,
  outlineCredential,
  parseCertificateChain,
  readCredential,
} from '@xtreemos/identity';
import type { Invocation } from './invocation.ts';

const largestCredentialBytes = 1024 * 1024;

/** Credential bytes and where they were found, for people. */
export interface FoundCredential {
  readonly bytes: Buffer;
  readonly where: string;
}

export interface UserCredential {
  readonly credential: Credential;
  readonly where: string;
}

export interface CredentialOptions {
  readonly credential?: string;
  readonly passphraseFile?: string;
}

/**
 * The certificate and key that a person signs in with: the file that was named, else the only one of that VO in
 * ~/.config/xtreemos. The session's credential is not among them: it is bound to this host, and VO services refuse it.
 */
export async function findUserCredential(
  invocation: Invocation,
  options: CredentialOptions,
  vo: string | undefined,
): Promise<UserCredential> {
  if (options.credential !== undefined) {
    return openCredential(invocation, readCredentialFile(options.credential), options.passphraseFile);
  }
  const who = vo === undefined ? 'you' : `VO ${vo}`;
  const files = ownCredentialFiles(invocation.paths.userDirectory, vo);
  const [only, ...others] = files;
  if (only === undefined) {
    throw new XosError('XOS_CREDENTIAL_MISSING', { who, where: invocation.paths.userDirectory });
  }
  if (others.length > 0) {
    throw new XosError('XOS_CREDENTIAL_AMBIGUOUS', {
      who,
      choices: `${files.join(', ')} (--credential FILE)`,
    });
  }
  return openCredential(invocation, readCredentialFile(only), options.passphraseFile);
}

/** `user@vo.p12` and `user@vo.pem` in the person's directory, of one VO or of all. */
export function ownCredentialFiles(directory: string, vo: string | undefined): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => /^[^.@][^@]*@.+\.(?:p12|pem)$/.test(name))
    .filter(
      (name) => vo === undefined || name.slice(name.indexOf('@') + 1).replace(/\.(?:p12|pem)$/, '') === vo,
    )
    .sort()
    .map((name) => join(directory, name));
}

/** The key `xos:credential` that pam_xos put into the session keyring; undefined when there is none. */
export async function sessionKeyringCredential(): Promise<FoundCredential | undefined> {
  const keyring = await import('@xtreemos/native-keyring');
  try {
    const serial = keyring.requestKey('user', 'xos:credential');
    return { bytes: keyring.readKey(serial), where: `session keyring, key ${serial}` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOKEY' || code === 'EKEYEXPIRED' || code === 'EKEYREVOKED' || code === 'EACCES')
      return undefined;
    throw error;
  }
}

/** The file that $X509_USER_PROXY names; undefined when the variable is not set. */
export function proxyFileCredential(environment: NodeJS.ProcessEnv): FoundCredential | undefined {
  const file = environment['X509_USER_PROXY'];
  if (file === undefined || file === '') return undefined;
  const found = readCredentialFile(file);
  return { bytes: found.bytes, where: `$X509_USER_PROXY, ${file}` };
}

/** @throws XosError XOS_CREDENTIAL_UNREADABLE. */
export function readCredentialFile(file: string): FoundCredential {
  try {
    const { size } = statSync(file);
    if (size > largestCredentialBytes) throw new Error(`it has ${size} bytes, no credential is that large`);
    return { bytes: readFileSync(file), where: file };
  } catch (error) {
    throw new XosError(
      'XOS_CREDENTIAL_UNREADABLE',
      { name: file, reason: reasonOf(error) },
      { cause: error },
    );
  }
}

/** Opens a credential, asking for the passphrase where it needs one. */
export async function openCredential(
  invocation: Invocation,
  found: FoundCredential,
  passphraseFile: string | undefined,
): Promise<UserCredential> {
  const outline = readable(found, outlineCredential);
  const passphrase = outline.encrypted
    ? await invocation.prompts.secret(
        { what: 'passphrase', option: '--passphrase-file', file: passphraseFile },
        `Passphrase of ${found.where}:`,
      )
    : undefined;
  return { credential: await readCredential(found.bytes, passphrase), where: found.where };
}

/** The certificates of a PEM credential. @throws XosError XOS_CREDENTIAL_UNREADABLE naming where it was found. */
export function certificatesIn(found: FoundCredential): readonly Certificate[] {
  return readable(found, parseCertificateChain);
}

/** Bytes that are no credential at all are a matter of the credential, not of how the command was used. */
export function readable<T>(found: FoundCredential, read: (bytes: Buffer) => T): T {
  try {
    return read(found.bytes);
  } catch (error) {
    if (!isXosError(error, 'XOS_INPUT_BAD') && !isXosError(error, 'XOS_INPUT_TOO_LARGE')) throw error;
    throw new XosError(
      'XOS_CREDENTIAL_UNREADABLE',
      { name: found.where, reason: error.message },
      { cause: error },
    );
  }
}
