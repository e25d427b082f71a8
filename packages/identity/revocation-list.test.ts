import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { crlOf, day, makeDomain, now, secondsLater } from './fixtures/domain.ts';
import { crlPem, makeCrl, parseCrl, type RevokedCertificate } from './index.ts';

const { cda } = makeDomain();
const revoked: readonly RevokedCertificate[] = [
  { serial: '1', revokedAt: now, reason: 'keyCompromise' },
  { serial: 'ff00', revokedAt: secondsLater(-5), reason: 'privilegeWithdrawn' },
  { serial: 'c0ffee', revokedAt: now },
];

describe('revocation lists', () => {
  test('are read back as they were made', () => {
    const list = parseCrl(
      crlPem(
        makeCrl({ issuer: cda, number: 2n ** 70n, revoked, thisUpdate: now, nextUpdate: secondsLater(day) }),
      ),
    );
    assert.deepEqual([...list.revoked.values()], revoked);
    assert.equal(list.number, 2n ** 70n);
    assert.deepEqual([list.thisUpdate, list.nextUpdate], [now, secondsLater(day)]);
    assert.equal(list.authorityKeyIdentifier, cda.certificate.subjectKeyIdentifier);
  });

  test('openssl prints them', () => {
    const printed = execFileSync('openssl', ['crl', '-noout', '-text'], {
      input: crlPem(crlOf(cda, revoked).der),
      encoding: 'utf8',
    });
    for (const line of [
      /X509v3 CRL Number:\s+1/,
      /Serial Number: C0FFEE/,
      /Key Compromise/,
      /Privilege Withdrawn/,
      /Next Update: Jun {2}2 12:00:00 2026/,
    ]) {
      assert.match(printed, line);
    }
  });

  test('openssl\u2019s own are read', () => {
    const pem = execFileSync('openssl', ['crl', '-outform', 'PEM'], {
      input: crlPem(crlOf(cda, revoked).der),
    });
    assert.equal(parseCrl(pem).revoked.size, 3);
  });

  test('a list of nobody has no list of entries', () => {
    assert.equal(crlOf(cda).revoked.size, 0);
  });

  test('one of 10,000 entries is read in a fraction of a second', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({
      serial: (index + 1).toString(16),
      revokedAt: now,
      reason: 'superseded' as const,
    }));
    const { der } = crlOf(cda, many);
    const begin = performance.now();
    assert.equal(parseCrl(der).revoked.size, 10_000);
    assert.ok(performance.now() - begin < 2000);
  });

  test('a serial number that is none is refused', () => {
    assert.throws(
      () => crlOf(cda, [{ serial: 'xyz', revokedAt: now }]),
      (error) => isXosError(error, 'XOS_INPUT_BAD'),
    );
  });
});
