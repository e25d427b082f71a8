import { XosError } from '@xtreemos/base';
import {
  type Credential,
  generateKey,
  type KeyType,
  outlineCredential,
  readCredential,
} from '@xtreemos/identity';
import type { Invocation } from '../invocation.ts';
import type { Report } from '../output/report.ts';
import { rfc3339 } from '../output/stable-json.ts';
import { readable, readCredentialFile } from '../user-credential.ts';
import { type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { enrol, issuedReport } from './certificate-enrolment.ts';
import { chooseCredentialFile } from './credential-choice.ts';
import { credentialBytes, writeSecretFile } from './credential-file.ts';

export interface RenewOptions extends ConnectionOptions {
  readonly out?: string;
  readonly lifetime?: number;
}

/** `xos cert renew`: the certificate itself signs in; the new key is of the old one's type, under the same passphrase. */
export async function renewCertificate(
  invocation: Invocation,
  options: RenewOptions,
  file: string | undefined,
): Promise<Report> {
  const source = chooseCredentialFile(invocation, file);
  const found = readCredentialFile(source);
  const outline = readable(found, outlineCredential);
  if (!outline.encrypted) {
    throw new XosError('XOS_CREDENTIAL_UNREADABLE', {
      name: source,
      reason: 'its key is not encrypted, as that of a session; a session is renewed by logging in again',
    });
  }
  const passphrase = await invocation.prompts.secret(
    { what: 'passphrase', option: '--passphrase-file', file: options.passphraseFile },
    `Passphrase of ${source}:`,
  );
  const old = await readCredential(found.bytes, passphrase);
  const vo = old.certificate.xos.vos?.[0];
  const user = old.certificate.subject.commonName;
  if (vo === undefined || user === undefined || old.certificate.xos.guid === undefined) {
    throw new XosError('XOS_CREDENTIAL_UNREADABLE', {
      name: source,
      reason: 'it is no XtreemOS user certificate',
    });
  }
  if (old.certificate.notAfter.getTime() <= invocation.nowMs()) {
    throw new XosError('XOS_USAGE', {
      reason: `the certificate expired at ${rfc3339(old.certificate.notAfter.getTime())} and cannot sign in any more; run \`xos cert request ${user}@${vo}\``,
      help: 'xos-cert(1)',
    });
  }
  const key = await generateKey(keyTypeOf(old));
  const issued = await withVoClient(invocation, options, vo, old, (client) =>
    enrol(client, vo, key, options.lifetime === undefined ? {} : { lifetimeSeconds: options.lifetime }),
  );
  const target = options.out ?? source;
  await writeSecretFile(
    target,
    await credentialBytes(issued.credential, outline.format, passphrase, `${user}@${vo}`),
  );
  return issuedReport(invocation, issued.answer, vo, target);
}

function keyTypeOf(credential: Credential): KeyType {
  switch (credential.certificate.keyDescription.kind) {
    case 'rsa':
      return 'rsa-3072';
    case 'ed25519':
      return 'ed25519';
    default:
      return 'ecdsa-p256';
  }
}
