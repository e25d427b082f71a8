import { XosError } from '@xtreemos/base';
import type { Invocation } from '../invocation.ts';
import {
  type FoundCredential,
  ownCredentialFiles,
  proxyFileCredential,
  readCredentialFile,
  sessionKeyringCredential,
} from '../user-credential.ts';

/** The file that was named, else the only one in the person's directory. */
export function chooseCredentialFile(invocation: Invocation, file: string | undefined): string {
  if (file !== undefined) return file;
  const files = ownCredentialFiles(invocation.paths.userDirectory, undefined);
  const [only, ...others] = files;
  if (only === undefined) {
    throw new XosError('XOS_CREDENTIAL_MISSING', { who: 'you', where: invocation.paths.userDirectory });
  }
  if (others.length > 0) {
    throw new XosError('XOS_CREDENTIAL_AMBIGUOUS', { who: 'you', choices: files.join(', ') });
  }
  return only;
}

/** As chooseCredentialFile; where the person's directory is empty, the session's credential is meant. */
export async function chooseCredential(
  invocation: Invocation,
  file: string | undefined,
): Promise<FoundCredential> {
  if (file === undefined && ownCredentialFiles(invocation.paths.userDirectory, undefined).length === 0) {
    const session = (await sessionKeyringCredential()) ?? proxyFileCredential(invocation.environment);
    if (session !== undefined) return session;
  }
  return readCredentialFile(chooseCredentialFile(invocation, file));
}
