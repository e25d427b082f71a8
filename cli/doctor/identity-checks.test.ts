import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateKey, plainPrivateKeyPem, subjectHash } from '@xtreemos/identity';
import { certificates } from './checks/certificates.ts';
import { crl } from './checks/crl.ts';
import { hostname as hostnameCheck } from './checks/hostname.ts';
import { trust } from './checks/trust.ts';
import { type Grid, installCrl, installKey, joinGrid } from './grid-fixture.ts';
import { day, HostFixture, hostname, told, vo } from './host-fixture.ts';

const anchorFile = (host: HostFixture, authority: Grid['root'], suffix: string): string =>
  join(host.paths.gridSecurityDirectory, `${subjectHash(authority.certificate.subject)}.${suffix}`);

test('a host that has joined as it should is well; one that joined nothing has nothing to check', async () => {
  for (const check of [trust, crl, certificates, hostnameCheck]) {
    using host = new HostFixture();
    const before = await host.examine(check);
    assert.equal(before.state, 'unchecked', `${check.name}: ${told(before)}`);
    assert.match(told(before), /has joined no VO/);
    await joinGrid(host);
    const after = await host.examine(check);
    assert.equal(after.state, 'ok', `${check.name}: ${told(after)}`);
  }
});

test('trust: anchors gone, damaged, expired or ending, without policy, without issuer, another root', async () => {
  const faults: readonly (readonly [
    RegExp,
    'failure' | 'warning',
    (host: HostFixture, grid: Grid) => void,
  ])[] = [
    [/its root [0-9a-f]{64} is not in/, 'failure', (host, { root }) => rmSync(anchorFile(host, root, '0'))],
    [
      /RCA .*its issuer .* is no trust anchor/,
      'failure',
      (host, { root }) => rmSync(anchorFile(host, root, '0')),
    ],
    [/has no signing policy/, 'failure', (host, { rca }) => rmSync(anchorFile(host, rca, 'signing_policy'))],
    [
      /\.0: .*/,
      'failure',
      (host, { cda }) =>
        host.write(anchorFile(host, cda, '0').slice(host.root.length), '-----BEGIN CERTIFICATE-----\nAAAA\n'),
    ],
    [/CDA .*expired 1 d ago -> ask/, 'failure', (host) => host.pass(366 * day)],
    [/CDA .*expires in 10 d/, 'warning', (host) => host.pass(355 * day)],
    [/not valid yet -> set the clock/, 'failure', (host) => host.pass(-day)],
    [
      /is missing, although this host has joined/,
      'failure',
      (host) => rmSync(host.paths.gridSecurityDirectory, { recursive: true }),
    ],
  ];
  for (const [expected, state, damage] of faults) {
    using host = new HostFixture();
    damage(host, await joinGrid(host));
    const result = await host.examine(trust);
    assert.equal(result.state, state, told(result));
    assert.match(told(result), expected);
  }
});

test('crl: missing, expired, old, signed by another, no authority of the VO', async () => {
  const faults: readonly (readonly [
    RegExp,
    'failure' | 'warning',
    (host: HostFixture, grid: Grid) => void,
  ])[] = [
    [/RCA is missing/, 'failure', (host, { rca }) => rmSync(crlFile(host, rca))],
    [/should have been renewed 1 h ago/, 'failure', (host) => host.pass(day + 3_600_000)],
    [/is 13 h old; without a new one logins stop in 11 h/, 'warning', (host) => host.pass(13 * 3_600_000)],
    [/CDA is not signed by it/, 'failure', (host, { cda, rca }) => installCrl(host, cda, rca)],
    [
      /no authority of this VO/,
      'failure',
      (host) => rmSync(host.paths.gridSecurityDirectory, { recursive: true }),
    ],
  ];
  for (const [expected, state, damage] of faults) {
    using host = new HostFixture();
    damage(host, await joinGrid(host));
    const result = await host.examine(crl);
    assert.equal(result.state, state, told(result));
    assert.match(told(result), expected);
    assert.match(told(result), / -> /);
  }
});

const crlFile = (host: HostFixture, authority: Grid['root']): string =>
  join(host.paths.crlDirectory, `${subjectHash(authority.certificate.subject)}.r0`);

test('certificates: expired, overdue, damaged, untrusted, another key, no key, key open to others', async () => {
  const otherKey = plainPrivateKeyPem(await generateKey());
  const key = `/etc/xtreemos/host/${vo}/accounts.key`;
  const pem = `/etc/xtreemos/host/${vo}/accounts.pem`;
  const faults: readonly (readonly [
    RegExp,
    'failure' | 'warning',
    (host: HostFixture, grid: Grid) => void,
  ])[] = [
    [/expired 1 d ago -> get a new token/, 'failure', (host) => host.pass(31 * day)],
    [/ends in 5 d and should have been renewed/, 'warning', (host) => host.pass(25 * day)],
    [/accounts\.pem is not usable/, 'failure', (host) => host.write(pem, 'nonsense')],
    [/does not hold: /, 'failure', (host, { root }) => rmSync(anchorFile(host, root, '0'))],
    [/is not the key of its certificate/, 'failure', (host) => installKey(host, otherKey)],
    [/accounts\.key is not usable/, 'failure', (host) => installKey(host, 'nonsense')],
    [/accounts\.key is missing/, 'failure', (host) => rmSync(join(host.root, key))],
    [/has mode 0644: .*chmod 0640/, 'failure', (host) => installKey(host, otherKey, 0o644)],
    [
      /no certificate of role accounts/,
      'failure',
      (host) => rmSync(join(host.root, 'etc/xtreemos/host'), { recursive: true }),
    ],
  ];
  for (const [expected, state, damage] of faults) {
    using host = new HostFixture();
    damage(host, await joinGrid(host));
    const result = await host.examine(certificates);
    assert.equal(result.state, state, told(result));
    assert.match(told(result), expected);
  }
});

test('certificates: a key that its daemon cannot read', {
  skip: process.geteuid?.() !== 0 && 'needs root',
}, async () => {
  using host = new HostFixture();
  await joinGrid(host);
  host.own(join(host.root, `etc/xtreemos/host/${vo}/accounts.key`), 0, 0);
  assert.match(
    told(await host.examine(certificates)),
    /not of group xos-accounts.* -> chown root:xos-accounts/,
  );
});

test('hostname: renamed since it joined, or without a domain', async () => {
  using host = new HostFixture();
  await joinGrid(host);
  host.changes = { hostname: async () => 'other.example.org' };
  const renamed = await host.examine(hostnameCheck);
  assert.equal(renamed.state, 'warning');
  assert.match(
    told(renamed),
    new RegExp(`knows this host as ${hostname}, it calls itself other\\.example\\.org -> hostnamectl`),
  );
  host.changes = { hostname: async () => 'node1' };
  assert.match(told(await host.examine(hostnameCheck)), /node1 has no domain/);
});
