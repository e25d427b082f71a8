import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { certificatePem, issueServiceCertificate, plainPrivateKeyPem } from '@xtreemos/identity';
import { appendAudit } from './audit-log.ts';
import { splitAddresses } from './names.ts';
import type { VoContext } from './vo-context.ts';

/** What the TLS servers present. */
export interface ServiceCertificate {
  readonly keyPem: string;
  /** Leaf, services authority and root: a joining node pins the root by the fingerprint of its token. */
  readonly chainPem: string;
  readonly renewAtMs: number;
}

const lifetimeSeconds = 30 * 86_400;

/**
 * A TLS certificate with host role `vo` for a key that lives in this process only: made at each start and after two
 * thirds of its life.
 */
export async function makeServiceCertificate(context: VoContext): Promise<ServiceCertificate> {
  const { domain, hostnames } = context.settings;
  const issuer = await context.authorities.services(domain);
  const root = await context.authorities.rootOrServices('root', domain);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nowMs = context.clock.nowMs();
  const names = splitAddresses(hostnames);
  const [hostname = 'localhost'] = names.dnsNames;
  const issued = issueServiceCertificate({
    issuer,
    publicKey: createPublicKey(privateKey),
    hostname,
    ...names,
    now: new Date(nowMs),
    lifetimeSeconds,
  });
  await context.database.commits.run((write) =>
    appendAudit(write, nowMs, {
      vo: null,
      actor: 'service',
      action: 'certificate.issue',
      subject: hostname,
      details: { kind: 'service', serial: issued.serial, notAfterMs: issued.notAfter.getTime() },
    }),
  );
  return {
    keyPem: plainPrivateKeyPem(privateKey),
    chainPem: certificatePem(issued, issuer.certificate, root),
    renewAtMs: nowMs + (lifetimeSeconds * 1000 * 2) / 3,
  };
}
