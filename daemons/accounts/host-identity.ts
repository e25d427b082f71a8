import { createPrivateKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, XosError } from '@xtreemos/base';
import { type HostBinding, parseCertificateChain } from '@xtreemos/identity';
import type { ClientCredential } from '@xtreemos/vo-client';

/** This host's certificate with role accounts in one VO. */
export interface HostIdentity {
  readonly credential: ClientCredential;
  readonly binding: HostBinding;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Changes whenever the files do. */
  readonly revision: string;
}

/**
 * Reads `<vo>/accounts.key` and `.pem` as they are now.
 * @throws XosError XOS_CREDENTIAL_UNREADABLE naming the file and what to do
 */
export function readHostIdentity(hostDirectory: string, vo: string): HostIdentity {
  const keyFile = join(hostDirectory, vo, 'accounts.key');
  const certificateFile = join(hostDirectory, vo, 'accounts.pem');
  try {
    const certificateChain = readFileSync(certificateFile, 'utf8');
    const [leaf] = parseCertificateChain(certificateChain);
    if (leaf === undefined) throw new Error('holds no certificate');
    const { hostGuid, hostRole } = leaf.xos;
    if (hostRole !== 'accounts') throw new Error(`has host role ${hostRole ?? 'none'} instead of accounts`);
    const hostname = leaf.subjectAltName.find((name) => name.kind === 'dns');
    if (hostGuid === undefined || hostname?.kind !== 'dns') throw new Error('names no host');
    return {
      credential: { certificateChain, privateKey: createPrivateKey(readFileSync(keyFile)) },
      binding: { hostGuid, hostname: hostname.value },
      notBeforeMs: leaf.notBefore.getTime(),
      notAfterMs: leaf.notAfter.getTime(),
      revision: hostRevision(hostDirectory, vo),
    };
  } catch (error) {
    throw new XosError(
      'XOS_CREDENTIAL_UNREADABLE',
      { name: certificateFile, reason: `${reasonOf(error)}; join the VO with \`xos node join\`` },
      { cause: error },
    );
  }
}

/** A text that differs once the files were replaced; empty when they are not there. */
export function hostRevision(hostDirectory: string, vo: string): string {
  try {
    return ['accounts.key', 'accounts.pem']
      .map((name) => statSync(join(hostDirectory, vo, name)))
      .map(({ ino, mtimeMs, size }) => `${ino}:${mtimeMs}:${size}`)
      .join(' ');
  } catch {
    return '';
  }
}
