import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { ecKey, publicHalf, rsaKey } from './fixtures/domain.ts';
import { flip } from './fixtures/forgery.ts';
import {
  certificateRequestPem,
  generateKey,
  type KeyType,
  makeCertificateRequest,
  parseCertificateRequest,
  plainPrivateKeyPem,
} from './index.ts';

const directory = mkdtempSync(join(tmpdir(), 'xos-request-'));
after(() => rmSync(directory, { recursive: true }));

const keyTypes: readonly KeyType[] = ['ecdsa-p256', 'rsa-3072', 'ed25519'];

describe('certificate requests', () => {
  for (const type of keyTypes) {
    test(`${type}: openssl verifies ours, we verify openssl's`, async () => {
      const key = await generateKey(type);
      const pem = certificateRequestPem(makeCertificateRequest({ key, commonName: 'alice' }));
      execFileSync('openssl', ['req', '-verify', '-noout'], { input: pem, stdio: 'pipe' });
      assert.ok(parseCertificateRequest(pem).publicKey.equals(publicHalf(key)));
      const keyFile = join(directory, 'key.pem');
      writeFileSync(keyFile, plainPrivateKeyPem(key));
      const theirs = execFileSync('openssl', ['req', '-new', '-key', keyFile, '-subj', '/O=x/CN=bob'], {
        stdio: 'pipe',
      });
      const parsed = parseCertificateRequest(theirs);
      assert.ok(parsed.publicKey.equals(publicHalf(key)));
      assert.equal(parsed.subject.commonName, 'bob');
    });
  }

  test('a request for somebody else\u2019s key is refused', () => {
    const request = makeCertificateRequest({ key: ecKey(), commonName: 'alice' });
    const other = publicHalf(ecKey()).export({ type: 'spki', format: 'der' });
    const own = request.indexOf(other.subarray(0, 26));
    const forged = Buffer.concat([request.subarray(0, own), other, request.subarray(own + other.length)]);
    assert.throws(
      () => parseCertificateRequest(forged),
      (error) => isXosError(error, 'XOS_CSR_BAD'),
    );
  });

  test('an altered signature is refused', () => {
    const request = makeCertificateRequest({ key: rsaKey(), commonName: 'alice' });
    assert.throws(
      () => parseCertificateRequest(flip(request, -1)),
      (error) => isXosError(error, 'XOS_CSR_BAD'),
    );
  });

  test('a weak key and too many bytes are refused', () => {
    const weak = makeCertificateRequest({ key: rsaKey(1024), commonName: 'x' });
    assert.throws(
      () => parseCertificateRequest(weak),
      (error) => isXosError(error, 'XOS_KEY_WEAK'),
    );
    const huge = makeCertificateRequest({ key: ecKey(), commonName: 'x'.repeat(20_000) });
    assert.throws(
      () => parseCertificateRequest(huge),
      (error) => isXosError(error, 'XOS_INPUT_TOO_LARGE'),
    );
  });
});
