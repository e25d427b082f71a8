import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, reasonOf } from '@xtreemos/base';
import type { Helper } from '@xtreemos/helper-client';
import {
  certificateRequestPem,
  makeCertificateRequest,
  parseCertificateChain,
  readPrivateKey,
} from '@xtreemos/identity';
import { hostRoles } from '@xtreemos/vo-client';
import { events } from './account-events.ts';
import type { VoDirectory } from './vo-directory.ts';

export interface HostRenewalOptions {
  readonly directory: VoDirectory;
  readonly hostDirectory: string;
  readonly helper: Helper;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Renews this host's certificates in a VO once two thirds of their life have passed, with the keys they have. Roles whose
 * keys only their own daemons can read are renewed where the key is readable here; the rest is logged, not hidden.
 */
export async function renewHostCertificates(vo: string, options: HostRenewalOptions): Promise<void> {
  const { directory, hostDirectory, helper, clock, logger } = options;
  const opened = directory.serviceIfAny(vo);
  if (opened === undefined) return;
  for (const role of hostRoles) {
    try {
      const leaf = readLeaf(join(hostDirectory, vo, `${role}.pem`));
      if (leaf === undefined) continue;
      const begin = leaf.notBefore.getTime();
      const end = leaf.notAfter.getTime();
      if (clock.nowMs() < begin + ((end - begin) * 2) / 3) continue;
      const key = await readPrivateKey(readFileSync(join(hostDirectory, vo, `${role}.key`)));
      const { hostname } = opened.identity.binding;
      const csr = certificateRequestPem(makeCertificateRequest({ key, commonName: hostname }));
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
