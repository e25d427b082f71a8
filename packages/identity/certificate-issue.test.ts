import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import {
  aliceGuid,
  chainOf,
  day,
  ecKey,
  hostGuid,
  hostname,
  makeDomain,
  now,
  publicHalf,
  rsaKey,
  secondsLater,
} from './fixtures/domain.ts';
import {
  certificatePem,
  issueHostCertificate,
  issueIntermediateCertificate,
  issueServiceCertificate,
  issueUserCertificate,
  parseCertificate,
  parseCertificateChain,
} from './index.ts';

const domain = makeDomain();
const { root, cda, rca, user, host } = domain;
const text = (der: Buffer): string =>
  execFileSync('openssl', ['x509', '-inform', 'DER', '-noout', '-text'], { input: der, encoding: 'utf8' });

const request = {
  issuer: cda,
  publicKey: publicHalf(ecKey()),
  guid: aliceGuid,
  user: 'alice',
  memberships: [{ vo: 'physics', fqans: ['/physics'], primaryFqan: '/physics' }],
  now,
  lifetimeSeconds: 3600,
};

describe('certificates that are issued', () => {
  test('openssl prints the user certificate with its texts legible', () => {
    const printed = text(user.certificate.der);
    for (const line of [
      /Subject: O = XtreemOS, OU = physics, CN = alice/,
      /2\.25\.13819774840481380153687041975453961328\.1\.1:\s+\.\$0a659781-7326-4ef0-82dc-797f1dfb4c70/,
      /1\.3:\s+.*\/physics\/atlas\/Role=admin/,
      /Basic Constraints: critical\s+CA:FALSE/,
      /Key Usage: critical\s+Digital Signature\n/,
      /TLS Web Client Authentication/,
    ]) {
      assert.match(printed, line);
    }
  });

  test('a user certificate is read back as it was asked for', () => {
    const { xos, serial, notBefore, notAfter, subject } = user.certificate;
    assert.deepEqual(xos, {
      guid: aliceGuid,
      vos: ['physics'],
      fqans: ['/physics', '/physics/atlas/Role=admin'],
      primaryFqans: ['/physics'],
    });
    assert.match(serial, /^[0-9a-f]{32}$/);
    assert.equal(subject.oneline, '/O=XtreemOS/OU=physics/CN=alice');
    assert.deepEqual([notBefore, notAfter], [secondsLater(-300), secondsLater(day / 2)]);
  });

  test('what is returned is what stands in the certificate', () => {
    const issued = issueUserCertificate({ ...request, now: new Date(now.getTime() + 123) });
    const { serial, notBefore, notAfter } = parseCertificate(issued.der);
    assert.deepEqual(
      { serial, notBefore, notAfter },
      { serial: issued.serial, notBefore: issued.notBefore, notAfter: issued.notAfter },
    );
  });

  test('node reads host names and addresses of a host certificate', () => {
    const certificate = new X509Certificate(host.certificate.der);
    assert.equal(certificate.checkHost(hostname), hostname);
    assert.equal(certificate.checkIP('192.0.2.1'), '192.0.2.1');
    assert.equal(certificate.checkIP('2001:db8::1'), '2001:db8::1');
    assert.deepEqual(host.certificate.subjectAltName, [
      { kind: 'dns', value: hostname },
      { kind: 'ip', value: '192.0.2.1' },
      { kind: 'ip', value: '2001:db8::1' },
    ]);
  });

  test('no certificate outlives its issuer', () => {
    const issued = issueUserCertificate({ ...request, lifetimeSeconds: 400 * day });
    assert.deepEqual(issued.notAfter, cda.certificate.notAfter);
  });

  test('serial numbers do not repeat', () => {
    const serials = Array.from({ length: 50 }, () => issueUserCertificate(request).serial);
    assert.equal(new Set(serials).size, serials.length);
  });

  test('a chain as PEM is read back in its order', () => {
    const pem = certificatePem(...chainOf(user));
    assert.deepEqual(
      parseCertificateChain(`words before\n${pem}words after`).map(({ fingerprint }) => fingerprint),
      chainOf(user).map(({ fingerprint }) => fingerprint),
    );
  });
});

describe('certificates that are refused', () => {
  const membership = (vo: string, fqans: readonly string[], primaryFqan = fqans[0] ?? '') => ({
    ...request,
    memberships: [{ vo, fqans, primaryFqan }],
  });
  const hostRequest = {
    issuer: rca,
    publicKey: request.publicKey,
    vo: 'physics',
    role: 'mrc',
    hostGuid,
    hostname,
    now,
    lifetimeSeconds: day,
  } as const;
  const refused: readonly (readonly [what: string, issue: () => unknown])[] = [
    ['a user by the RCA', () => issueUserCertificate({ ...request, issuer: rca })],
    ['a user by the root', () => issueUserCertificate({ ...request, issuer: root })],
    ['a user of another VO', () => issueUserCertificate(membership('chemistry', ['/chemistry']))],
    ['an FQAN of another VO', () => issueUserCertificate(membership('physics', ['/chemistry']))],
    [
      'a primary FQAN that is not among them',
      () => issueUserCertificate(membership('physics', ['/physics'], '/physics/x')),
    ],
    ['an FQAN twice', () => issueUserCertificate(membership('physics', ['/physics', '/physics']))],
    ['an FQAN with a line feed', () => issueUserCertificate(membership('physics', ['/physics/a\nb']))],
    ['no VO', () => issueUserCertificate({ ...request, memberships: [] })],
    ['a name with a slash', () => issueUserCertificate({ ...request, user: 'a/CN=b' })],
    ['a name with capitals', () => issueUserCertificate({ ...request, user: 'Alice' })],
    ['a GUID that is none', () => issueUserCertificate({ ...request, guid: 'x' })],
    ['no lifetime', () => issueUserCertificate({ ...request, lifetimeSeconds: 0 })],
    ['an issuer that has ended', () => issueUserCertificate({ ...request, now: secondsLater(366 * day) })],
    ['a host by the CDA', () => issueHostCertificate({ ...hostRequest, issuer: cda })],
    ['role vo for a host of a VO', () => issueHostCertificate({ ...hostRequest, role: 'vo' })],
    ['a host of another VO', () => issueHostCertificate({ ...hostRequest, vo: 'chemistry' })],
    [
      'a host name with a wildcard',
      () => issueHostCertificate({ ...hostRequest, hostname: '*.example.org' }),
    ],
    ['an address that is none', () => issueHostCertificate({ ...hostRequest, ipAddresses: ['192.0.2.256'] })],
    ['a VO service by the RCA', () => issueServiceCertificate({ ...hostRequest, issuer: rca })],
    [
      'a CDA for no VO',
      () =>
        issueIntermediateCertificate({
          issuer: root,
          publicKey: request.publicKey,
          kind: 'CDA',
          vos: [],
          now,
          lifetimeSeconds: day,
        }),
    ],
    [
      'an RCA for a VO id with a slash',
      () =>
        issueIntermediateCertificate({
          issuer: root,
          publicKey: request.publicKey,
          kind: 'RCA',
          vos: ['a/b'],
          now,
          lifetimeSeconds: day,
        }),
    ],
  ];
  for (const [what, issue] of refused) {
    test(what, () => assert.throws(issue, (error) => isXosError(error, 'XOS_INPUT_BAD')));
  }

  test('a weak key', () => {
    assert.throws(
      () => issueUserCertificate({ ...request, publicKey: publicHalf(rsaKey(1024)) }),
      (error) => isXosError(error, 'XOS_KEY_WEAK'),
    );
    assert.throws(
      () => issueUserCertificate({ ...request, publicKey: publicHalf(ecKey('secp256k1')) }),
      (error) => isXosError(error, 'XOS_KEY_WEAK'),
    );
  });
});
