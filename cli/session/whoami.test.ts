import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { VoServiceFixture } from '../testing/vo-service.ts';
import { xosCommand } from '../testing/xos-process.ts';

const vo = 'physics.example.org';
let service: VoServiceFixture;
let credential: string;

before(async () => {
  service = await VoServiceFixture.start();
  await service.succeed(['vo', 'create', vo]);
  const token = join(service.directory, 'alice.token');
  const passphrase = service.secretFile('passphrase', 'correct horse battery staple');
  const { domains } = await service.json<{ domains: { rootFingerprint: string }[] }>(['vo', 'root', 'list']);
  await service.succeed(['vo', 'invite', `alice@${vo}`, '--out', token]);
  const { file } = await service.json<{ file: string }>([
    ...[
      'cert',
      'request',
      `alice@${vo}`,
      '--url',
      service.url,
      '--ca-fingerprint',
      domains[0]?.rootFingerprint ?? '',
    ],
    ...['--token-file', token, '--passphrase-file', passphrase],
  ]);
  credential = join(service.directory, 'session.pem');
  const plain = execFileSync('openssl', ['pkey', '-in', file, '-passin', `file:${passphrase}`]);
  writeFileSync(credential, Buffer.concat([execFileSync('openssl', ['x509', '-in', file]), plain]), {
    mode: 0o600,
  });
});
after(() => service.stop());

/** Runs a shell line in a session keyring of its own, with `$XOS` being the command. */
function inKeyring(line: string, environment: Readonly<Record<string, string>> = {}) {
  const result = spawnSync('keyctl', ['session', '-', 'sh', '-c', line], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: service.home,
      XOS: `${xosCommand.join(' ')} --root ${service.root} --json=short`,
      CREDENTIAL: credential,
      DBUS_SYSTEM_BUS_ADDRESS: service.busAddress,
      ...environment,
    },
  });
  return { exitCode: result.status, stdout: result.stdout, stderr: result.stderr };
}

test('the key of the session keyring says who one is', () => {
  const result = inKeyring('keyctl padd user xos:credential @s <"$CREDENTIAL" >/dev/null && $XOS whoami');
  assert.equal(result.exitCode, 0, result.stderr);
  const person = JSON.parse(result.stdout) as Record<string, unknown>;
  assert.equal(person['identity'], `alice@${vo}`);
  assert.equal(person['primaryFqan'], `/${vo}`);
  assert.match(String(person['source']), /^session keyring, key \d+$/);
  assert.match(String(person['guid']), /^[0-9a-f-]{36}$/);
});

test('the keyring counts before $X509_USER_PROXY', () => {
  const result = inKeyring('keyctl padd user xos:credential @s <"$CREDENTIAL" >/dev/null && $XOS whoami', {
    X509_USER_PROXY: '/nonexistent',
  });
  assert.equal(result.exitCode, 0, result.stderr);
});

test('a key that was revoked or holds something else is not somebody', () => {
  const revoked = inKeyring(
    'id=$(keyctl padd user xos:credential @s <"$CREDENTIAL") && keyctl revoke $id && $XOS whoami',
  );
  assert.equal(revoked.exitCode, 5, revoked.stderr);
  const garbage = inKeyring(
    'head -c 2000 /dev/urandom | keyctl padd user xos:credential @s >/dev/null && $XOS whoami',
  );
  assert.equal(garbage.exitCode, 5, garbage.stderr);
  assert.match(garbage.stderr, /^xos: The credential session keyring, key \d+ could not be read: .*$/m);
});

test('a plain certificate of another kind is refused, not believed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'xos-whoami-'));
  try {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = join(directory, 'key.pem');
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const foreign = join(directory, 'foreign.pem');
    execFileSync('openssl', [
      'req',
      '-x509',
      '-key',
      key,
      '-subj',
      `/O=XtreemOS/OU=${vo}/CN=root`,
      '-out',
      foreign,
    ]);
    const result = inKeyring('$XOS whoami', { X509_USER_PROXY: foreign });
    assert.equal(result.exitCode, 5);
    assert.match(result.stderr, /holds no XtreemOS certificate/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('an expired credential is shown and ends with 5', () => {
  const result = inKeyring('keyctl padd user xos:credential @s <"$CREDENTIAL" >/dev/null && $XOS whoami', {
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent('const now=Date.now;Date.now=()=>now()+86400000')}`,
  });
  assert.equal(result.exitCode, 5, result.stderr);
  assert.equal((JSON.parse(result.stdout) as Record<string, unknown>)['user'], 'alice');
});
