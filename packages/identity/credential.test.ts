import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type ErrorCode, isXosError } from '@xtreemos/base';
import { DerReader } from './der-reader.ts';
import * as der from './der-writer.ts';
import {
  chainOf,
  ecKey,
  hostGuid,
  hostname,
  makeDomain,
  now,
  publicHalf,
  rsaKey,
  secondsLater,
} from './fixtures/domain.ts';
import { flip } from './fixtures/forgery.ts';
import {
  certificatePem,
  describeCredential,
  encryptPrivateKey,
  generateKey,
  type KeyType,
  makeProxy,
  outlineCredential,
  plainPrivateKeyPem,
  readCredential,
  readPrivateKey,
  writeCredentialPem,
  writePkcs12,
} from './index.ts';
import { writePem } from './pem.ts';

const directory = mkdtempSync(join(tmpdir(), 'xos-credential-'));
after(() => rmSync(directory, { recursive: true }));
const { user } = makeDomain();
const quick = { iterations: 1000 };

function file(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const openssl = (...options: readonly string[]): Buffer =>
  execFileSync('openssl', [...options], { stdio: 'pipe' });
const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isXosError(error, code));

describe('private keys', () => {
  for (const type of ['ecdsa-p256', 'rsa-3072', 'ed25519'] as readonly KeyType[]) {
    test(`${type}: openssl opens ours, we open openssl's`, async () => {
      const key = await generateKey(type);
      const ours = file('ours.pem', await encryptPrivateKey(key, 'pässword', quick));
      const opened = openssl('pkey', '-in', ours, '-passin', 'pass:pässword');
      assert.ok((await readPrivateKey(opened)).equals(key));
      const plain = file('plain.pem', plainPrivateKeyPem(key));
      const theirs = openssl('pkcs8', '-topk8', '-in', plain, '-passout', 'pass:x');
      assert.ok((await readPrivateKey(theirs, 'x')).equals(key));
      await rejects(readPrivateKey(theirs, 'y'), 'XOS_CREDENTIAL_PASSPHRASE');
      await rejects(readPrivateKey(theirs), 'XOS_CREDENTIAL_PASSPHRASE_NEEDED');
    });
  }

  test('traditional and scrypt forms are read', async () => {
    const key = rsaKey();
    const plain = file('plain.pem', plainPrivateKeyPem(key));
    const traditional = openssl('rsa', '-in', plain, '-traditional', '-aes256', '-passout', 'pass:x');
    assert.match(traditional.toString(), /Proc-Type: 4,ENCRYPTED/);
    assert.ok((await readPrivateKey(traditional, 'x')).equals(key));
    await rejects(readPrivateKey(traditional, 'y'), 'XOS_CREDENTIAL_PASSPHRASE');
    const scrypt = openssl('pkcs8', '-topk8', '-scrypt', '-in', plain, '-passout', 'pass:x');
    assert.ok((await readPrivateKey(scrypt, 'x')).equals(key));
    const ec = ecKey();
    assert.ok((await readPrivateKey(ec.export({ type: 'sec1', format: 'pem' }) as string)).equals(ec));
  });

  test('a weak key is refused, whatever protects it', async () => {
    const weak = rsaKey(1024);
    await rejects(readPrivateKey(plainPrivateKeyPem(weak)), 'XOS_KEY_WEAK');
    await rejects(readPrivateKey(await encryptPrivateKey(weak, 'x', quick), 'x'), 'XOS_KEY_WEAK');
  });

  test('a key that asks for a billion rounds is refused at once', async () => {
    const derivation = der.sequence(
      der.oid('1.2.840.113549.1.5.12'),
      der.sequence(der.octetString(Buffer.alloc(8)), der.integer(1_000_000_000)),
    );
    const cipher = der.sequence(der.oid('2.16.840.1.101.3.4.1.42'), der.octetString(Buffer.alloc(16)));
    const algorithm = der.sequence(der.oid('1.2.840.113549.1.5.13'), der.sequence(derivation, cipher));
    const pem = writePem('ENCRYPTED PRIVATE KEY', der.sequence(algorithm, der.octetString(Buffer.alloc(32))));
    const begin = performance.now();
    await assert.rejects(readPrivateKey(pem, 'x'), /1000000000 iterations, at most 5000000/);
    assert.ok(performance.now() - begin < 1000);
  });

  test('an empty passphrase encrypts nothing', () =>
    rejects(encryptPrivateKey(ecKey(), ''), 'XOS_INPUT_BAD'));
});

describe('credentials in PEM', () => {
  test('key and certificates in any order', async () => {
    const parts = [...chainOf(user).map((one) => certificatePem(one)), plainPrivateKeyPem(user.key)];
    for (const order of [parts, parts.toReversed(), [parts[2], parts[0], parts[1]]]) {
      const { key, certificate, chain } = await readCredential(Buffer.from(order.join('some words\n')));
      assert.ok(key.equals(user.key));
      assert.equal(certificate.fingerprint, user.certificate.fingerprint);
      assert.deepEqual(
        chain.map(({ subject }) => subject.commonName),
        ['CDA'],
      );
    }
  });

  test('written and read with a passphrase', async () => {
    const pem = Buffer.from(await writeCredentialPem(user, { passphrase: 'x', ...quick }));
    assert.deepEqual(
      { ...outlineCredential(pem), certificate: outlineCredential(pem).certificate?.serial },
      { format: 'pem', encrypted: true, certificate: user.certificate.serial },
    );
    assert.ok((await readCredential(pem, Buffer.from('x'))).key.equals(user.key));
    await rejects(readCredential(pem), 'XOS_CREDENTIAL_PASSPHRASE_NEEDED');
    await rejects(readCredential(pem, 'y'), 'XOS_CREDENTIAL_PASSPHRASE');
  });

  test('a private key under somebody else\u2019s public one is no credential of theirs', async () => {
    const own = ecKey();
    const sec1 = own.export({ type: 'sec1', format: 'der' });
    const ownPoint = publicHalf(own).export({ type: 'spki', format: 'der' }).subarray(-65);
    const theirPoint = user.certificate.subjectPublicKeyInfo.subarray(-65);
    const at = sec1.indexOf(ownPoint);
    const forged = Buffer.concat([sec1.subarray(0, at), theirPoint, sec1.subarray(at + 65)]);
    const pem = writePem('EC PRIVATE KEY', forged) + certificatePem(user.certificate);
    await rejects(readCredential(Buffer.from(pem)), 'XOS_CREDENTIAL_KEY_MISMATCH');
  });

  test('what is missing is named', async () => {
    const certificate = certificatePem(user.certificate);
    await rejects(readCredential(Buffer.from(certificate)), 'XOS_CREDENTIAL_NO_KEY');
    await rejects(readCredential(Buffer.from(plainPrivateKeyPem(user.key))), 'XOS_CREDENTIAL_NO_CERTIFICATE');
    await rejects(
      readCredential(Buffer.from(certificate + plainPrivateKeyPem(ecKey()))),
      'XOS_CREDENTIAL_KEY_MISMATCH',
    );
    await rejects(
      readCredential(Buffer.from(certificate + plainPrivateKeyPem(user.key).repeat(2))),
      'XOS_INPUT_BAD',
    );
    await rejects(readCredential(Buffer.from('nothing of the kind')), 'XOS_CREDENTIAL_NO_KEY');
    await rejects(readCredential(user.certificate.der), 'XOS_INPUT_BAD');
    await rejects(readCredential(Buffer.alloc(2_000_000)), 'XOS_INPUT_TOO_LARGE');
  });
});

describe('credentials in PKCS#12', () => {
  test('openssl opens ours', async () => {
    const path = file('ours.p12', await writePkcs12(user, 'pässword', { friendlyName: 'Alice Ä', ...quick }));
    const printed = openssl('pkcs12', '-in', path, '-passin', 'pass:pässword', '-nodes').toString();
    assert.match(printed, /friendlyName: Alice/);
    const opened = await readCredential(Buffer.from(printed));
    assert.ok(opened.key.equals(user.key));
    assert.equal(opened.chain.length, 1);
  });

  test('openssl verifies the MAC of ours, finds the key under AES-256 and the certificates in the clear', async () => {
    const bytes = await writePkcs12(user, 'x', quick);
    const path = file('ours.p12', bytes);
    // openssl prints the structure to standard error.
    const line = `openssl pkcs12 -info -noout -in ${path} -passin pass:x 2>&1`;
    const structure = execFileSync('sh', ['-c', line]).toString();
    assert.match(structure, /MAC: sha256, Iteration 1000/);
    assert.match(structure, /Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 1000/);
    assert.doesNotMatch(structure, /Encrypted data/);
    assert.ok(bytes.includes(user.certificate.der));
    const { d = '' } = user.key.export({ format: 'jwk' });
    assert.ok(!bytes.includes(Buffer.from(d, 'base64url')));
  });

  test('a passphrase that is no UTF-8 is taken byte by byte, as openssl takes it', async () => {
    const input = file('in.pem', await writeCredentialPem(user));
    const latin = Buffer.from([0x70, 0xe4, 0xdf]);
    const word = file('latin', Buffer.concat([latin, Buffer.from('\n')]));
    const path = join(directory, 'latin.p12');
    openssl('pkcs12', '-export', '-in', input, '-passout', `file:${word}`, '-out', path);
    assert.ok((await readCredential(readFileSync(path), latin)).key.equals(user.key));
  });

  for (const [what, options] of [
    ['as it makes them by default', []],
    ['with its certificates in the clear', ['-certpbe', 'NONE']],
    ['with a MAC of SHA-512', ['-macalg', 'sha512']],
  ] as const) {
    test(`we open openssl's ${what}`, async () => {
      const input = file('in.pem', await writeCredentialPem(user));
      const path = join(directory, 'theirs.p12');
      openssl(
        'pkcs12',
        '-export',
        '-in',
        input,
        '-name',
        'alice',
        '-passout',
        'pass:pässword',
        '-out',
        path,
        ...options,
      );
      const bytes = readFileSync(path);
      assert.deepEqual(outlineCredential(bytes), {
        format: 'pkcs12',
        encrypted: true,
        certificate: undefined,
      });
      const opened = await readCredential(bytes, 'pässword');
      assert.ok(opened.key.equals(user.key));
      assert.deepEqual(
        opened.chain.map(({ serial }) => serial),
        [user.chain[0]?.serial],
      );
      await rejects(readCredential(bytes, 'passwort'), 'XOS_CREDENTIAL_PASSPHRASE');
      await rejects(readCredential(bytes), 'XOS_CREDENTIAL_PASSPHRASE_NEEDED');
    });
  }

  test('a file without MAC and one of the old schemes are refused with a reason', async () => {
    const input = file('in.pem', await writeCredentialPem(user));
    const path = join(directory, 'odd.p12');
    openssl('pkcs12', '-export', '-in', input, '-nomac', '-passout', 'pass:x', '-out', path);
    await assert.rejects(readCredential(readFileSync(path), 'x'), /no integrity check/);
    openssl(
      'pkcs12',
      '-export',
      '-in',
      input,
      '-keypbe',
      'PBE-SHA1-3DES',
      '-passout',
      'pass:x',
      '-out',
      path,
    );
    await assert.rejects(readCredential(readFileSync(path), 'x'), /PBES2/);
  });

  test('a MAC of a billion rounds is refused at once', async () => {
    const pfx = new DerReader(await writePkcs12(user, 'x', quick), 'PFX').sequence('PFX');
    const [version, safe] = [pfx.any('version'), pfx.any('authSafe')];
    const mac = pfx.sequence('macData');
    const macData = der.sequence(mac.any('mac').der, mac.any('salt').der, der.integer(1_000_000_000));
    const begin = performance.now();
    await assert.rejects(
      readCredential(der.sequence(version.der, safe.der, macData), 'x'),
      /1000000000 iterations, at most 5000000/,
    );
    assert.ok(performance.now() - begin < 1000);
  });

  test('altered bytes are refused', async () => {
    const bytes = await writePkcs12(user, 'x', quick);
    await rejects(readCredential(flip(bytes, bytes.length >> 1), 'x'), 'XOS_CREDENTIAL_PASSPHRASE');
  });
});

test('a proxy is described by its user and its own times', () => {
  const key = ecKey();
  const host = { hostGuid, hostname };
  const certificate = makeProxy(user, publicHalf(key), { now, lifetimeSeconds: 600, limited: true, host });
  const {
    user: name,
    vos,
    proxyDepth,
    limited,
    boundToHost,
    remainingSeconds,
    keyType,
  } = describeCredential({ certificate, chain: chainOf(user) }, secondsLater(100));
  assert.deepEqual(
    { name, vos, proxyDepth, limited, boundToHost, remainingSeconds, keyType },
    {
      name: 'alice',
      vos: ['physics'],
      proxyDepth: 1,
      limited: true,
      boundToHost: hostGuid,
      remainingSeconds: 500,
      keyType: 'ECDSA P-256',
    },
  );
});
