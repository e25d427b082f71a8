import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, reasonOf } from '@xtreemos/base';
import type { Helper } from '@xtreemos/helper-client';
import {
  type Certificate,
  certificateRequestPem,
  makeCertificateRequest,
  parseCertificateChain,
  parseCertificateRequest,
  readPrivateKey,
} from '@xtreemos/identity';
import { hostRoles } from '@xtreemos/vo-client';
import { events } from './account-events.ts';
import type { VoDirectory } from './vo-directory.ts';

export interface HostRenewalOptions {
  readonly directory: VoDirectory;
  readonly hostDirectory: string;
  readonly requestDirectory: string;
  readonly helper: Helper;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Renews this host's certificates in a VO once two thirds of their life have passed, with the keys they have. Where only its
 * own daemon can read a key, that one has laid out a request; what cannot be renewed is logged, not hidden.
 */
export async function renewHostCertificates(vo: string, options: HostRenewalOptions): Promise<void> {
  const { directory, hostDirectory, requestDirectory, helper, clock, logger } = options;
  const opened = directory.serviceIfAny(vo);
  if (opened === undefined) return;
  for (const role of hostRoles) {
    try {
      const leaf = readLeaf(join(hostDirectory, vo, `${role}.pem`));
      if (leaf === undefined) continue;
      const begin = leaf.notBefore.getTime();
      const end = leaf.notAfter.getTime();
      if (clock.nowMs() < begin + ((end - begin) * 2) / 3) continue;
      const { hostname } = opened.identity.binding;
      const key = await readKey(join(hostDirectory, vo, `${role}.key`));
      const csr =
        key === undefined
          ? readRequest(join(requestDirectory, role, `${vo}.csr`), leaf)
          : certificateRequestPem(makeCertificateRequest({ key, commonName: hostname }));
      const renewed = await opened.client.renewHostCertificates(vo, hostname, { csrs: { [role]: csr } });
      const pem = renewed[role];
      if (pem === undefined) throw new Error('the VO service sent no certificate for the role');
      await helper.installHostCertificate({ vo, role, pem });
      logger.info(events.hostCertificateRenewed, `VO ${vo}: host certificate with role ${role} renewed`, {
        voId: vo,
        hostRole: role,
      });
    } catch (error) {
      logger.warning(
        events.hostCertificateNotRenewed,
        `VO ${vo}: host certificate with role ${role} not renewed, tried again later: ${reasonOf(error)}`,
        { voId: vo, hostRole: role },
      );
    }
  }
}

/** Undefined where it is not to be read here: another daemon's. */
async function readKey(file: string): Promise<KeyObject | undefined> {
  try {
    return await readPrivateKey(readFileSync(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Only for the key that the certificate has: a request for another would leave the daemon with a certificate of no use. */
function readRequest(file: string, { publicKey }: Certificate): string {
  const pem = readFileSync(file, 'utf8');
  if (!parseCertificateRequest(pem).publicKey.equals(publicKey))
    throw new Error(`${file} is a request for another key than the certificate has`);
  return pem;
}

function readLeaf(file: string) {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseCertificateChain(pem)[0];
}
