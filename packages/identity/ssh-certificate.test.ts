import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { day, ecKey, now, publicHalf, rsaKey, secondsLater } from './fixtures/domain.ts';
import { flip } from './fixtures/forgery.ts';
import {
  issueSshUserCertificate,
  parseSshCertificate,
  parseSshPublicKey,
  sshPublicKeyLine,
  verifySshUserCertificate,
} from './index.ts';

const directory = mkdtempSync(join(tmpdir(), 'xos-ssh-'));
after(() => rmSync(directory, { recursive: true }));
const keygen = (...options: readonly string[]): string =>
  execFileSync('ssh-keygen', [...options], {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC' },
  });

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

const ed25519Key = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const kinds: readonly (readonly [name: string, make: () => KeyObject])[] = [
  ['ecdsa P-256', () => ecKey()],
  ['ecdsa P-384', () => ecKey('P-384')],
  ['ecdsa P-521', () => ecKey('P-521')],
  ['ed25519', ed25519Key],
  ['rsa', () => rsaKey()],
];

const authorityKey = ed25519Key();
const request = {
  authorityKey,
  publicKey: publicHalf(ecKey()),
  serial: 2n ** 64n - 1n,
  keyId: 'alice@physics.example.org',
  principals: ['alice@physics.example.org'],
  validAfter: secondsLater(-60),
  validBefore: secondsLater(day),
};
const authorities = [parseSshPublicKey(sshPublicKeyLine(authorityKey, 'VO physics'))];

describe('SSH certificates as ssh-keygen reads them', () => {
  for (const [name, make] of kinds) {
    test(`${name}, as authority and as user`, () => {
      const own = make();
      const { line } = issueSshUserCertificate({
        ...request,
        authorityKey: own,
        publicKey: publicHalf(own),
        criticalOptions: { 'source-address': '192.0.2.0/24' },
      });
      const printed = keygen('-L', '-f', file('id-cert.pub', `${line}\n`));
      const key = parseSshPublicKey(sshPublicKeyLine(own));
      assert.ok(
        printed.includes(`${key.fingerprint}\n`) && printed.includes(`${key.fingerprint} (using`),
        printed,
      );
      for (const part of [
        /user certificate/,
        /Key ID: "alice@physics.example.org"/,
        /Serial: 18446744073709551615/,
        /from 2026-06-01T11:59:00 to 2026-06-02T12:00:00/,
        /source-address 192.0.2.0\/24/,
        /permit-pty/,
      ]) {
        assert.match(printed, part);
      }
      const parsed = parseSshCertificate(line);
      verifySshUserCertificate(parsed, {
        authorities: [key],
        now,
        principal: 'alice@physics.example.org',
        understood: ['source-address'],
      });
    });
  }

  test('ssh-keygen\u2019s own are read and verified', () => {
    for (const type of ['ed25519', 'ecdsa', 'rsa']) {
      const ca = join(directory, `ca-${type}`);
      const id = join(directory, `id-${type}`);
      const size = type === 'rsa' ? ['-b', '2048'] : [];
      keygen('-q', '-t', type, ...size, '-N', '', '-C', 'an authority', '-f', ca);
      keygen('-q', '-t', type, ...size, '-N', '', '-f', id);
      keygen(
        '-q',
        '-s',
        ca,
        '-I',
        'bob',
        '-n',
        'bob,root',
        '-z',
        '7',
        '-V',
        '20260101:20270101',
        '-O',
        'force-command=/bin/true',
        `${id}.pub`,
      );
      const authority = parseSshPublicKey(readFileSync(`${ca}.pub`, 'utf8'));
      assert.equal(authority.comment, 'an authority');
      const certificate = parseSshCertificate(readFileSync(`${id}-cert.pub`, 'utf8'));
      assert.deepEqual(
        [certificate.serial, certificate.principals, certificate.criticalOptions.get('force-command')],
        [7n, ['bob', 'root'], '/bin/true'],
      );
      verifySshUserCertificate(certificate, {
        authorities: [authority],
        now,
        principal: 'bob',
        understood: ['force-command'],
      });
    }
  });
});

describe('SSH certificates that are refused', () => {
  const certificate = parseSshCertificate(issueSshUserCertificate(request).blob);
  const refused: readonly (readonly [what: string, judge: () => unknown])[] = [
    [
      'an unknown authority',
      () =>
        verifySshUserCertificate(certificate, {
          authorities: [parseSshPublicKey(sshPublicKeyLine(ecKey()))],
          now,
        }),
    ],
    ['expired', () => verifySshUserCertificate(certificate, { authorities, now: secondsLater(day + 300) })],
    ['not yet valid', () => verifySshUserCertificate(certificate, { authorities, now: secondsLater(-361) })],
    [
      'for another principal',
      () => verifySshUserCertificate(certificate, { authorities, now, principal: 'root' }),
    ],
    [
      'a critical option that is not understood',
      () => {
        const { blob } = issueSshUserCertificate({ ...request, criticalOptions: { 'force-command': 'x' } });
        verifySshUserCertificate(parseSshCertificate(blob), { authorities, now });
      },
    ],
  ];
  for (const [what, judge] of refused) {
    test(what, () => assert.throws(judge, (error) => isXosError(error, 'XOS_SSH_CERTIFICATE_REFUSED')));
  }

  test('without principals, as ssh-keygen makes them when told none', () => {
    const ca = join(directory, 'ca-bare');
    const id = join(directory, 'id-bare');
    keygen('-q', '-t', 'ed25519', '-N', '', '-f', ca);
    keygen('-q', '-t', 'ed25519', '-N', '', '-f', id);
    keygen('-q', '-s', ca, '-I', 'anybody', `${id}.pub`);
    const bare = parseSshCertificate(readFileSync(`${id}-cert.pub`, 'utf8'));
    const authority = parseSshPublicKey(readFileSync(`${ca}.pub`, 'utf8'));
    assert.throws(
      () => verifySshUserCertificate(bare, { authorities: [authority], now: new Date() }),
      /good for everybody/,
    );
    assert.throws(
      () => issueSshUserCertificate({ ...request, principals: [] }),
      (error) => isXosError(error, 'XOS_INPUT_BAD'),
    );
  });

  test('any byte changed', () => {
    const { blob } = issueSshUserCertificate(request);
    for (let at = 0; at < blob.length; at++) {
      assert.throws(
        () => verifySshUserCertificate(parseSshCertificate(flip(blob, at)), { authorities, now }),
        (error) => isXosError(error),
        `byte ${at}`,
      );
    }
  });

  test('keys that are weak or unknown', () => {
    assert.throws(
      () => sshPublicKeyLine(rsaKey(1024)),
      (error) => isXosError(error, 'XOS_KEY_WEAK'),
    );
    for (const line of [
      '',
      'ssh-ed25519',
      'ssh-ed25519 AAAA',
      'command="x" ssh-ed25519 AAAA',
      'ssh-dss AAAAB3NzaC1kc3M=',
    ]) {
      assert.throws(
        () => parseSshPublicKey(line),
        (error) => isXosError(error, 'XOS_INPUT_BAD'),
        line,
      );
    }
  });
});
