/** A VO for tests of servers, and hosts that have joined it. Its time is `now` of the identity fixtures. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  createMetrics,
  createServiceSockets,
  manualClock,
  type ServiceContext,
  silentLogger,
} from '@xtreemos/base';
import {
  certificatePem,
  type HostRole,
  issueHostCertificate,
  parseCertificate,
  plainPrivateKeyPem,
  writeCrl,
  writeTrustAnchor,
} from '@xtreemos/identity';
import type { PeerTrust, TlsIdentity } from '@xtreemos/rpc';
import {
  chainOf,
  day,
  ecKey,
  hostGuid,
  makeDomain,
  now,
  publicHalf,
  type TestDomain,
} from '../identity/fixtures/domain.ts';

export const domain = makeDomain();
export const otherGuid = hostGuid.replaceAll('1', '2');

/** Milliseconds since 1970 at which everything of the domain is valid. */
export const testNowMs = now.getTime() + 60_000;

export const testTrust: PeerTrust = {
  store: () => domain.store,
  voRoots: () => new Map([['physics', domain.root.certificate.fingerprint]]),
  nowMs: () => testNowMs,
};

/** `[Security]` of a server on the host. */
export function securityLines(folder: string): readonly string[] {
  return [
    '[Security]',
    `HostDirectory=${folder}/host`,
    `VoDirectory=${folder}/vo.d`,
    `TrustDirectory=${folder}/trust`,
    `CrlDirectory=${folder}/crls`,
    `RequestDirectory=${folder}/run`,
  ];
}

/** What a daemon is given that runs in the test's process, at the time of the certificates; `told.status` is its status line. */
export function contextOf<Configuration>(configuration: Configuration) {
  const told = { status: '' };
  const parts: ServiceContext<Configuration> = {
    configuration,
    logger: silentLogger,
    metrics: createMetrics(),
    clock: manualClock(testNowMs),
    sockets: createServiceSockets([]),
    setStatus: (text) => {
      told.status = text;
    },
  };
  return { told, parts };
}

/** A host's certificate for a role, with its key. */
export function identityOf(
  role: HostRole,
  guid: string,
  of: TestDomain = domain,
): TlsIdentity & { readonly serial: string } {
  const key = ecKey();
  const { der } = issueHostCertificate({
    issuer: of.rca,
    publicKey: publicHalf(key),
    vo: 'physics',
    role,
    hostGuid: guid,
    hostname: 'dir.example',
    now,
    lifetimeSeconds: 30 * day,
  });
  const certificate = parseCertificate(der);
  return {
    keyPem: plainPrivateKeyPem(key),
    chainPem: certificatePem(certificate, ...chainOf(of.rca)),
    serial: certificate.serial,
  };
}

/** What `xos node join --role ROLE` leaves on a host, in a folder: trust, crls, vo.d, host; and an empty state. */
export async function joinedHost(context: TestContext, role: HostRole, guid = hostGuid): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'xos-joined-'));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const name of ['trust', 'crls', 'vo.d', 'host/physics', 'state'])
    mkdirSync(join(folder, name), { recursive: true });
  for (const { certificate } of domain.authorities)
    await writeTrustAnchor(join(folder, 'trust'), certificate);
  for (const crl of domain.crls) await writeCrl(join(folder, 'crls'), crl);
  const lines = [
    '[VO]',
    'Id=physics',
    'Alias=physics',
    'ServiceUrl=https://head.example:7443',
    `CaFingerprint=${domain.root.certificate.fingerprint}`,
  ];
  writeFileSync(join(folder, 'vo.d/physics.conf'), `${lines.join('\n')}\n`);
  const own = identityOf(role, guid);
  writeFileSync(join(folder, `host/physics/${role}.pem`), own.chainPem);
  writeFileSync(join(folder, `host/physics/${role}.key`), own.keyPem);
  return folder;
}
