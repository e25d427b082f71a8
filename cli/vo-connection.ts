import { XosError } from '@xtreemos/base';
import { type Credential, certificatePem } from '@xtreemos/identity';
import { adminSocketUrl, type ClientCredential, type ServerTrust, VoClient } from '@xtreemos/vo-client';
import { hasAdminSocket } from './host-paths.ts';
import type { Invocation } from './invocation.ts';
import { fingerprintValue } from './option-values.ts';
import { findUserCredential } from './user-credential.ts';
import { readHostVoRecord, readUserVoRecord, rootOf } from './vo-record.ts';
import type { XosCommand } from './xos-command.ts';

export interface ConnectionOptions {
  readonly url?: string;
  readonly caFingerprint?: string;
  readonly credential?: string;
  readonly passphraseFile?: string;
}

/**
 * `public`: no sign-in; `administrator`: the local administrator's socket where root has it, else the user's certificate;
 * `certificate`: the user's certificate in any case; a credential: that one.
 */
export type Access = 'public' | 'administrator' | 'certificate' | Credential;

/** Where a call goes and how the service's certificate is judged. */
export interface ServiceAddress {
  readonly url: string;
  readonly trust: ServerTrust | undefined;
}

/** The options that say which service, for every verb that talks to one. */
export function addServiceOptions(command: XosCommand): XosCommand {
  return command
    .option('--url <url>', 'the VO service: https://HOST:7443, or unix:PATH for its administration socket')
    .option(
      '--ca-fingerprint <sha256>',
      'SHA-256 of the root certificate above the service, where this host does not know it yet',
      fingerprintValue,
    );
}

/** As addServiceOptions, with whose certificate signs in. */
export function addSignInOptions(command: XosCommand): XosCommand {
  return addServiceOptions(command)
    .option('--credential <file>', 'sign in with this certificate and key (PKCS#12 or PEM)')
    .option(
      '--passphrase-file <file>',
      "the credential's passphrase is the first line of FILE; - is standard input",
    );
}

/** Calls the service and closes the connection whatever happens. */
export async function withVoClient<T>(
  invocation: Invocation,
  options: ConnectionOptions,
  vo: string | undefined,
  access: Access,
  use: (client: VoClient) => Promise<T>,
): Promise<T> {
  const address = serviceAddress(invocation, options, vo, access);
  const credential = await clientCredential(invocation, options, vo, access, address.url);
  const client = new VoClient({
    url: address.url,
    nowMs: invocation.nowMs,
    ...(address.trust === undefined ? {} : { trust: address.trust }),
    ...(credential === undefined ? {} : { credential }),
  });
  try {
    return await invocation.slowly(`Waiting for the VO service at ${address.url}`, () => use(client));
  } finally {
    client.close();
  }
}

/**
 * The service of a VO: what the options say; else root's administration socket (for signed-in calls); else the person's own
 * record of the VO, the host's (`vo.d`), client.conf; at last root's socket for what needs no sign-in either.
 */
export function serviceAddress(
  invocation: Invocation,
  options: ConnectionOptions,
  vo: string | undefined,
  access: Access,
): ServiceAddress {
  const { paths } = invocation;
  if (options.url?.startsWith('unix:') === true) return { url: options.url, trust: undefined };
  const mayUseSocket =
    access === 'administrator' && options.url === undefined && options.credential === undefined;
  if (mayUseSocket && hasAdminSocket(paths))
    return { url: adminSocketUrl(paths.adminSocket), trust: undefined };
  const own = vo === undefined ? undefined : readUserVoRecord(paths, vo);
  const host = vo === undefined ? undefined : readHostVoRecord(paths, vo);
  const url = options.url ?? own?.serviceUrl ?? host?.serviceUrl ?? paths.serviceUrl;
  // Where the service runs, root needs no options before this host has joined a VO: people are enrolled first.
  if (url === undefined && access === 'public' && hasAdminSocket(paths)) {
    return { url: adminSocketUrl(paths.adminSocket), trust: undefined };
  }
  if (url === undefined) {
    throw new XosError('XOS_USAGE', {
      reason:
        vo === undefined
          ? 'no VO service is known here; give --url'
          : `no service of VO ${vo} is known here; give --url`,
      help: 'xos(1), "FINDING THE VO SERVICE"',
    });
  }
  if (options.caFingerprint !== undefined) {
    return { url, trust: { kind: 'fingerprint', rootFingerprint: options.caFingerprint } };
  }
  if (own?.serviceCaFingerprint !== undefined && url === own.serviceUrl) {
    return { url, trust: { kind: 'fingerprint', rootFingerprint: own.serviceCaFingerprint } };
  }
  const pinned = url === host?.serviceUrl ? rootOf(host) : {};
  return { url, trust: { kind: 'directory', path: paths.gridSecurityDirectory, ...pinned } };
}

async function clientCredential(
  invocation: Invocation,
  options: ConnectionOptions,
  vo: string | undefined,
  access: Access,
  url: string,
): Promise<ClientCredential | undefined> {
  if (access === 'public' || (access === 'administrator' && url.startsWith('unix:'))) return undefined;
  const credential =
    typeof access === 'object' ? access : (await findUserCredential(invocation, options, vo)).credential;
  return {
    certificateChain: certificatePem(credential.certificate, ...credential.chain),
    privateKey: credential.key,
  };
}
