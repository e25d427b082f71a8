import { join } from 'node:path';
import {
  certificatePem,
  crlPem,
  type Issuer,
  issueHostCertificate,
  issueIntermediateCertificate,
  issueRootCertificate,
  makeCrl,
  parseCertificate,
  plainPrivateKeyPem,
  subjectHash,
  writeTrustAnchor,
} from '@xtreemos/identity';
import { accountsId, day, type HostFixture, hostname, issuer, keyPair, now, vo } from './host-fixture.ts';

const seconds = 86_400;

export interface Grid {
  readonly root: Issuer;
  readonly rca: Issuer;
  readonly cda: Issuer;
}

function makeGrid(): Grid {
  const rootKey = keyPair();
  const lifetimeSeconds = 3650 * seconds;
  const root = issuer(
    rootKey.key,
    issueRootCertificate({ key: rootKey.key, domain: 'Test', now, lifetimeSeconds }).der,
  );
  const intermediate = (kind: 'RCA' | 'CDA'): Issuer => {
    const { key, publicKey } = keyPair();
    const request = { issuer: root, publicKey, kind, vos: [vo], now, lifetimeSeconds: 365 * seconds };
    return issuer(key, issueIntermediateCertificate(request).der);
  };
  return { root, rca: intermediate('RCA'), cda: intermediate('CDA') };
}

/** A host that has joined the VO as `xos node join` leaves it: anchors, lists, certificate, key, record. */
export async function joinGrid(host: HostFixture): Promise<Grid> {
  const grid = makeGrid();
  host.directory('/etc/grid-security/certificates', 0o755);
  for (const authority of [grid.root, grid.rca, grid.cda]) {
    await writeTrustAnchor(host.paths.gridSecurityDirectory, authority.certificate);
    installCrl(host, authority);
  }
  const { key, publicKey } = keyPair();
  const issued = issueHostCertificate({
    issuer: grid.rca,
    publicKey,
    vo,
    role: 'accounts',
    hostGuid: '11111111-2222-4333-8444-555555555555',
    hostname,
    now,
    lifetimeSeconds: 30 * seconds,
  });
  host.write(
    `/etc/xtreemos/host/${vo}/accounts.pem`,
    certificatePem(parseCertificate(issued.der), grid.rca.certificate),
  );
  installKey(host, plainPrivateKeyPem(key));
  host.join(`CaFingerprint=${grid.root.certificate.fingerprint}\n`);
  return grid;
}

export function installKey(host: HostFixture, pem: string, mode = 0o640): string {
  const file = host.write(`/etc/xtreemos/host/${vo}/accounts.key`, pem, mode);
  host.own(file, 0, accountsId);
  return file;
}

/** A list made at `now` that holds a day. */
export function installCrl(host: HostFixture, authority: Issuer, signer: Issuer = authority): void {
  const crl = makeCrl({
    issuer: { certificate: authority.certificate, key: signer.key },
    number: 1,
    revoked: [],
    thisUpdate: now,
    nextUpdate: new Date(now.getTime() + day),
  });
  const name = `${subjectHash(authority.certificate.subject)}.r0`;
  host.write(join('/var/lib/xtreemos/accounts/crls', name), crlPem(crl));
}
