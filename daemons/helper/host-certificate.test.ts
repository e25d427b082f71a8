import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { installHostCertificate } from './host-certificate.ts';

let directory: string;
let host: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-host-'));
  host = join(directory, 'host');
  await mkdir(join(host, 'physics'), { recursive: true });
  await writeFile(join(host, 'physics/osd.key'), makeKey());
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function makeKey(): string {
  return execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** Self-signed: who issued it is the reader's matter. */
function certify(keyPath: string): string {
  const subject = ['-subj', '/O=XtreemOS/OU=physics/OU=hosts/CN=host.example.org'];
  return execFileSync('openssl', ['req', '-x509', '-new', '-key', keyPath, '-days', '2', ...subject], {
    encoding: 'utf8',
  });
}

function install(pem: string, change: { vo?: string; nowMs?: number } = {}) {
  return installHostCertificate(
    { type: 'install-host-certificate', vo: change.vo ?? 'physics', role: 'osd', pem },
    { directory: host, nowMs: () => change.nowMs ?? Date.now() },
  );
}

test('a certificate of the key that is there is installed, with its chain', async () => {
  const own = certify(join(host, 'physics/osd.key'));
  await writeFile(join(directory, 'issuer.key'), makeKey());
  const issuer = certify(join(directory, 'issuer.key'));
  const path = join(host, 'physics/osd.pem');
  assert.deepEqual(await install(`${own}${issuer}`), { path });
  const installed = await readFile(path, 'utf8');
  assert.equal(installed.split('BEGIN CERTIFICATE').length, 3);
  const key = createPrivateKey(await readFile(join(host, 'physics/osd.key')));
  assert.ok(new X509Certificate(installed).checkPrivateKey(key));
  assert.equal((await lstat(path)).mode & 0o7777, 0o644);
  assert.deepEqual((await readdir(join(host, 'physics'))).sort(), ['osd.key', 'osd.pem']);
});

test("another key's certificate, an expired one, and what is no certificate leave the old one", async () => {
  const own = certify(join(host, 'physics/osd.key'));
  await install(own);
  const before = await readFile(join(host, 'physics/osd.pem'), 'utf8');
  await writeFile(join(directory, 'other.key'), makeKey());
  const cases: readonly [string, string, { vo?: string; nowMs?: number }][] = [
    [certify(join(directory, 'other.key')), 'XOS_CREDENTIAL_NO_KEY', {}],
    [`${certify(join(directory, 'other.key'))}${own}`, 'XOS_CREDENTIAL_NO_KEY', {}],
    [own, 'XOS_CREDENTIAL_EXPIRED', { nowMs: Date.now() + 3 * 86_400_000 }],
    ['garbage', 'XOS_INPUT_BAD', {}],
    [`${own}garbage`, 'XOS_INPUT_BAD', {}],
    [own.replace(/[A-Z]{8}/, 'AAAAAAAA'), 'XOS_INPUT_BAD', {}],
    [`${own}${makeKey()}`, 'XOS_INPUT_BAD', {}],
    [own.repeat(9), 'XOS_INPUT_BAD', {}],
    [own, 'XOS_NOT_FOUND', { vo: 'chemistry' }],
  ];
  for (const [pem, code, change] of cases) {
    await assert.rejects(install(pem, change), (error) => isXosError(error) && error.code === code, code);
  }
  assert.equal(await readFile(join(host, 'physics/osd.pem'), 'utf8'), before);
});

test('a key that is a link is no key', async () => {
  const own = certify(join(host, 'physics/osd.key'));
  await writeFile(join(directory, 'other.key'), await readFile(join(host, 'physics/osd.key')));
  await unlink(join(host, 'physics/osd.key'));
  await symlink(join(directory, 'other.key'), join(host, 'physics/osd.key'));
  await assert.rejects(install(own), (error) => isXosError(error, 'XOS_NOT_FOUND'));
});
