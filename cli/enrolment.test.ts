import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { VoServiceFixture } from './testing/vo-service.ts';
import { xosCommand } from './testing/xos-process.ts';

const vo = 'physics.example.org';
const passphrase = 'correct horse battery staple';
let service: VoServiceFixture;
let passphraseFile: string;

before(async () => {
  service = await VoServiceFixture.start();
  passphraseFile = service.secretFile('passphrase', passphrase);
  await service.succeed(['vo', 'create', vo, '--description', 'particles']);
});
after(() => service.stop());

const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);
const own = (name: string): string => join(service.home, '.config/xtreemos', name);

/** Invites a person and gets the certificate, as both would. */
async function enrol(user: string, ...options: readonly string[]): Promise<{ readonly file: string }> {
  const tokenFile = join(service.directory, `${user}.token`);
  await service.succeed(['vo', 'invite', `${user}@${vo}`, '--out', tokenFile]);
  const fingerprint = await rootFingerprint();
  return service.json<{ file: string }>([
    ...['cert', 'request', `${user}@${vo}`, '--url', service.url, '--ca-fingerprint', fingerprint],
    ...['--token-file', tokenFile, '--passphrase-file', passphraseFile, ...options],
  ]);
}

async function rootFingerprint(): Promise<string> {
  const { domains } = await service.json<{ domains: { rootFingerprint: string }[] }>(['vo', 'root', 'list']);
  return domains[0]?.rootFingerprint ?? '';
}

test('an invited person gets a certificate; the key lies encrypted in a file of mode 0600', async () => {
  const { file } = await enrol('alice');
  assert.equal(file, own(`alice@${vo}.pem`));
  assert.equal(modeOf(file), '600');
  assert.equal(modeOf(join(service.home, '.config/xtreemos')), '700');
  const pem = readFileSync(file, 'utf8');
  assert.match(pem, /BEGIN ENCRYPTED PRIVATE KEY/);
  assert.doesNotMatch(pem, /BEGIN (EC |RSA )?PRIVATE KEY/);
  // openssl opens it with the passphrase and finds the key of the certificate.
  const key = execFileSync('openssl', ['pkey', '-in', file, '-passin', `file:${passphraseFile}`, '-pubout']);
  assert.deepEqual(execFileSync('openssl', ['x509', '-in', file, '-noout', '-pubkey']), key);
});

test('the token file of an invitation has mode 0600 and the token is shown nowhere else', async () => {
  const out = join(service.directory, 'bob.token');
  const result = await service.xos(['vo', 'invite', `bob@${vo}`, '--out', out]);
  assert.equal(result.exitCode, 0, result.stderr);
  assert.equal(modeOf(out), '600');
  const token = readFileSync(out, 'utf8').trim();
  assert.match(token, /^\S{32}$/);
  assert.ok(!result.stdout.includes(token) && !result.stderr.includes(token));
  const again = await service.xos(['vo', 'invite', `carol@${vo}`, '--out', out]);
  assert.equal(again.exitCode, 7, 'an existing file is not overwritten');
});

test('an invitation that fails leaves no token file behind', async () => {
  const out = join(service.directory, 'nobody.token');
  const result = await service.xos(['vo', 'invite', 'dave@no-such-vo', '--out', out]);
  assert.equal(result.exitCode, 3);
  assert.equal(existsSync(out), false);
});

test('no secret stands in the arguments of the process', async () => {
  const seen: string[] = [];
  const tokenFile = join(service.directory, 'erin.token');
  await service.succeed(['vo', 'invite', `erin@${vo}`, '--out', tokenFile]);
  const token = readFileSync(tokenFile, 'utf8').trim();
  const watch = setInterval(() => {
    seen.push(execFileSync('ps', ['-eo', 'args', '--width', '100000'], { encoding: 'utf8' }));
  }, 50);
  try {
    await service.succeed(
      [
        ...[
          'cert',
          'request',
          `erin@${vo}`,
          '--url',
          service.url,
          '--ca-fingerprint',
          await rootFingerprint(),
        ],
        ...[
          '--token-file',
          tokenFile,
          '--passphrase-file',
          '-',
          '--out',
          join(service.directory, 'erin.pem'),
        ],
      ],
      { stdin: `${passphrase}\n` },
    );
  } finally {
    clearInterval(watch);
  }
  assert.ok(
    seen.some((processes) => processes.includes('erin.pem')),
    'the command was seen at work',
  );
  for (const processes of seen) {
    assert.ok(!processes.includes(token));
    assert.ok(!processes.includes(passphrase));
  }
});

test('a used token is refused with exit code 4, a wrong password too', async () => {
  const { file } = await enrol('frank', '--out', join(service.directory, 'frank.p12'));
  assert.equal(readFileSync(file).subarray(0, 1).toString('hex'), '30', 'PKCS#12 by the name of the file');
  const used = await service.xos([
    ...['cert', 'request', `frank@${vo}`, '--token-file', join(service.directory, 'frank.token')],
    ...['--passphrase-file', passphraseFile],
  ]);
  assert.equal(used.exitCode, 4);
  assert.match(used.stderr, /^xos: .*token is not valid: it is unknown, expired or was used before/);
  const password = await service.xos([
    ...['cert', 'request', `frank@${vo}`, '--password-file', service.secretFile('wrong', 'not the password')],
    ...['--passphrase-file', passphraseFile],
  ]);
  assert.equal(password.exitCode, 4);
});

test('a short passphrase is refused before the token is used up', async () => {
  const tokenFile = join(service.directory, 'grace.token');
  await service.succeed(['vo', 'invite', `grace@${vo}`, '--out', tokenFile]);
  const request = (file: string): readonly string[] => [
    ...['cert', 'request', `grace@${vo}`, '--token-file', tokenFile, '--passphrase-file', file],
    ...['--out', join(service.directory, 'grace.pem')],
  ];
  const short = await service.xos(request(service.secretFile('short', 'seven77')));
  assert.equal(short.exitCode, 2);
  await service.succeed(request(passphraseFile));
  const overwrite = await service.xos(request(passphraseFile));
  assert.equal(overwrite.exitCode, 7, 'a file named by --out is not replaced');
});

test('a service with another root than the one named is not spoken to', async () => {
  const result = await service.xos([
    ...['cert', 'request', `alice@${vo}`, '--url', service.url, '--ca-fingerprint', 'ab'.repeat(32)],
    ...['--token-file', passphraseFile, '--passphrase-file', passphraseFile],
  ]);
  assert.equal(result.exitCode, 5, result.stderr);
});

test('without a known root the service is not trusted, whatever it says', async () => {
  const result = await service.xos(
    [
      'cert',
      'request',
      `alice@${vo}`,
      '--url',
      service.url,
      '--token-file',
      passphraseFile,
      '--passphrase-file',
      passphraseFile,
    ],
    { environment: { HOME: join(service.directory, 'home2') } },
  );
  assert.equal(result.exitCode, 5, result.stderr);
});

test('show says what the certificate says, with stable names in JSON', async () => {
  const shown = await service.json<Record<string, unknown>>(['cert', 'show', own(`alice@${vo}.pem`)]);
  assert.deepEqual(Object.keys(shown).sort(), [
    ...['fingerprint', 'fqans', 'guid', 'issuer', 'keyType', 'limited', 'notAfter', 'notBefore'],
    ...['primaryFqans', 'proxyDepth', 'remainingSeconds', 'serial', 'source', 'subject', 'user', 'vos'],
  ]);
  assert.equal(shown['user'], 'alice');
  assert.deepEqual(shown['vos'], [vo]);
});

test('renewing takes the certificate itself as sign-in and replaces the file with a new key', async () => {
  const { file } = await enrol('heidi', '--out', join(service.directory, 'heidi.pem'));
  const former = readFileSync(file, 'utf8');
  const wrong = await service.xos([
    'cert',
    'renew',
    file,
    '--passphrase-file',
    service.secretFile('other', 'something else'),
  ]);
  assert.equal(wrong.exitCode, 5);
  assert.equal(readFileSync(file, 'utf8'), former, 'a failure leaves the file as it was');
  await service.succeed(['cert', 'renew', file, '--passphrase-file', passphraseFile]);
  const renewed = readFileSync(file, 'utf8');
  assert.notEqual(renewed, former);
  assert.equal(modeOf(file), '600');
  execFileSync('openssl', ['pkey', '-in', file, '-passin', `file:${passphraseFile}`, '-noout']);
});

test('export writes what openssl reads, never a plain key', async () => {
  const source = own(`alice@${vo}.pem`);
  const out = join(service.directory, 'alice-export.p12');
  await service.succeed([
    ...['cert', 'export', source, '--format', 'pkcs12', '--out', out, '--passphrase-file', passphraseFile],
  ]);
  assert.equal(modeOf(out), '600');
  execFileSync('openssl', ['pkcs12', '-in', out, '-passin', `file:${passphraseFile}`, '-noout']);
  const certificate = await service.succeed(['cert', 'export', source, '--format', 'certificate']);
  assert.doesNotMatch(certificate, /KEY/);
  const binary = await service.xos(['cert', 'export', source, '--format', 'pkcs12']);
  assert.equal(binary.exitCode, 2);
});

test('an SSH certificate is written beside its key and ssh-keygen reads it', async () => {
  const key = join(service.directory, 'id_ed25519');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const issued = await service.json<{ file: string; principals: string[] }>([
    ...[
      'cert',
      'ssh',
      '--key',
      `${key}.pub`,
      '--credential',
      own(`alice@${vo}.pem`),
      '--passphrase-file',
      passphraseFile,
    ],
  ]);
  assert.equal(issued.file, `${key}-cert.pub`);
  assert.deepEqual(issued.principals, [`alice@${vo}`]);
  assert.match(
    execFileSync('ssh-keygen', ['-L', '-f', issued.file], { encoding: 'utf8' }),
    /alice@physics\.example\.org/,
  );
  const secret = await service.xos(['cert', 'ssh', '--key', key, '--credential', own(`alice@${vo}.pem`)]);
  assert.equal(secret.exitCode, 2);
  assert.match(secret.stderr, /is a private key; give its public key/);
});

test('a person asks to join, is admitted, and uses the token or the password', async () => {
  const tokenFile = join(service.directory, 'ivan.token');
  const passwordFile = service.secretFile('ivan.password', 'tea for two');
  await service.succeed([
    ...['join', `ivan@${vo}`, '--full-name', 'Ivan', '--out', tokenFile, '--password-file', passwordFile],
  ]);
  const early = await service.xos([
    ...['cert', 'request', `ivan@${vo}`, '--token-file', tokenFile, '--passphrase-file', passphraseFile],
  ]);
  assert.equal(early.exitCode, 7, 'not before the approval');
  const { requests } = await service.json<{ requests: { user: string }[] }>(['vo', 'requests', vo]);
  assert.deepEqual(
    requests.map(({ user }) => user),
    ['ivan'],
  );
  await service.succeed(['vo', 'approve', `ivan@${vo}`, '--expires', '2030-12-31']);
  await service.succeed([
    ...[
      'cert',
      'request',
      `ivan@${vo}`,
      '--password-file',
      passwordFile,
      '--passphrase-file',
      passphraseFile,
    ],
  ]);
  const member = await service.json<{ status: string; expiresAt: string }>([
    'vo',
    'member',
    'show',
    `ivan@${vo}`,
  ]);
  assert.equal(member.status, 'active');
  assert.equal(member.expiresAt, '2030-12-31T23:59:59Z');
});

test('a VO administrator works over HTTPS with a certificate; a plain member is refused with 4', async () => {
  const admin = await enrol('judy', '--out', join(service.directory, 'judy-before.pem'));
  const asJudy = (file: string): readonly string[] => [
    ...['--url', service.url, '--credential', file, '--passphrase-file', passphraseFile],
  ];
  const refused = await service.xos(['vo', 'invite', `kim@${vo}`, ...asJudy(admin.file)]);
  assert.equal(refused.exitCode, 4, refused.stderr);
  await service.succeed(['vo', 'role', 'grant', 'admin', `judy@${vo}`]);
  await service.succeed(['cert', 'renew', admin.file, '--passphrase-file', passphraseFile]);
  await service.succeed(['vo', 'invite', `kim@${vo}`, ...asJudy(admin.file)]);
  const { entries } = await service.json<{ entries: { action: string; actor: string; subject: string }[] }>([
    ...['vo', 'audit', vo, '--limit', '1000'],
  ]);
  assert.ok(
    entries.some(
      ({ action, actor, subject }) =>
        action === 'member.invite' && actor === `user:judy@${vo}` && subject === 'kim',
    ),
  );
});

test('groups, roles, members, suspension: the whole life of a membership', async () => {
  await service.succeed(['vo', 'group', 'create', vo, 'atlas/muons']);
  await service.succeed(['vo', 'group', 'add', 'atlas/muons', `alice@${vo}`]);
  await service.succeed(['vo', 'role', 'grant', 'operator', `alice@${vo}`, '--group', 'atlas']);
  const { fqans } = await service.json<{ fqans: string[] }>(['vo', 'member', 'show', `alice@${vo}`]);
  assert.ok(fqans.includes(`/${vo}/atlas/Role=operator`), fqans.join(' '));
  await service.succeed(['vo', 'member', 'suspend', `alice@${vo}`, '--yes']);
  const { members } = await service.json<{ members: { user: string }[] }>([
    'vo',
    'member',
    'list',
    vo,
    '--status',
    'suspended',
  ]);
  assert.deepEqual(
    members.map(({ user }) => user),
    ['alice'],
  );
  await service.succeed(['vo', 'member', 'resume', `alice@${vo}`]);
  await service.succeed(['vo', 'revoke', 'member', `frank@${vo}`, '--reason', 'privilegeWithdrawn', '--yes']);
  const gone = await service.xos(['vo', 'member', 'token', `frank@${vo}`]);
  assert.equal(gone.exitCode, 7, gone.stderr);
});

test('a root key leaves for a file of mode 0600 and comes back', async () => {
  const file = join(service.directory, 'root-key.pem');
  const { domains } = await service.json<{ domains: { name: string }[] }>(['vo', 'root', 'list']);
  const domain = domains[0]?.name ?? '';
  await service.succeed([
    'vo',
    'root',
    'export',
    domain,
    '--out',
    file,
    '--root-passphrase-file',
    passphraseFile,
    '--yes',
  ]);
  assert.equal(modeOf(file), '600');
  assert.match(readFileSync(file, 'utf8'), /BEGIN ENCRYPTED PRIVATE KEY/);
  const offline = await service.xos(['vo', 'create', 'late.example.org']);
  assert.equal(offline.exitCode, 7);
  assert.match(offline.stderr, /root key of trust domain .* is offline/);
  await service.succeed([
    'vo',
    'root',
    'import',
    domain,
    '--in',
    file,
    '--root-passphrase-file',
    passphraseFile,
  ]);
  await service.succeed(['vo', 'create', 'late.example.org', '--own-root']);
  await service.succeed(['vo', 'destroy', 'late.example.org', '--yes']);
  assert.equal((await service.xos(['vo', 'show', 'late.example.org'])).exitCode, 3);
});

test('the audit log verifies, and lists in the order of its numbers', async () => {
  const verified = await service.json<{ entries: number; brokenAt: null }>(['vo', 'audit', '--verify']);
  assert.equal(verified.brokenAt, null);
  assert.ok(verified.entries > 10);
});

test('whoami reads $X509_USER_PROXY; without any credential it ends with 5', async () => {
  const plain = join(service.directory, 'proxy.pem');
  const source = own(`alice@${vo}.pem`);
  const key = execFileSync('openssl', ['pkey', '-in', source, '-passin', `file:${passphraseFile}`]);
  writeFileSync(plain, Buffer.concat([execFileSync('openssl', ['x509', '-in', source]), key]), {
    mode: 0o600,
  });
  const environment = { X509_USER_PROXY: plain, XOS_SESSION_ID: 'session-1' };
  const person = await service.json<Record<string, unknown>>(['whoami'], { environment });
  assert.deepEqual(Object.keys(person), [
    ...['identity', 'user', 'vo', 'login', 'guid', 'fqans', 'primaryFqan', 'notAfter', 'sessionId', 'source'],
  ]);
  assert.equal(person['identity'], `alice@${vo}`);
  assert.equal(person['sessionId'], 'session-1');
  const nobody = await service.xos(['whoami']);
  assert.equal(nobody.exitCode, 5);
  assert.match(nobody.stderr, /^xos: No credential found for uid \d+ in the session keyring/);
});

test('an unreachable service ends with 6 and names the address', async () => {
  const result = await service.xos([
    ...[
      'cert',
      'request',
      `alice@${vo}`,
      '--url',
      'https://127.0.0.1:9',
      '--ca-fingerprint',
      'ab'.repeat(32),
    ],
    ...['--token-file', passphraseFile, '--passphrase-file', passphraseFile],
  ]);
  assert.equal(result.exitCode, 6);
  assert.match(result.stderr, /127\.0\.0\.1:9/);
});

test('files that are no credentials are refused with 5 and name the file', async () => {
  for (const [name, content] of [
    ['empty.pem', ''],
    ['text.pem', 'hello\n'],
    ['cut.pem', '-----BEGIN CERTIFICATE-----\nMIIB'],
    ['zeros.p12', '\0'.repeat(5000)],
  ] as const) {
    const file = join(service.directory, name);
    writeFileSync(file, content);
    for (const verb of ['show', 'verify', 'renew']) {
      const result = await service.xos(['cert', verb, file, '--passphrase-file', passphraseFile]);
      assert.equal(result.exitCode, 5, `${verb} ${name}: ${result.stderr}`);
      assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
    }
  }
  const missing = await service.xos(['cert', 'show', join(service.directory, 'absent.pem')]);
  assert.equal(missing.exitCode, 5);
  assert.match(missing.stderr, /absent\.pem/);
});

test('a command that is interrupted while it waits leaves no empty token file', async () => {
  const socket = join(service.directory, 'silent.sock');
  const silent = createServer().listen(socket);
  const asked = once(silent, 'connection');
  const out = join(service.directory, 'interrupted.token');
  const [program = '', ...words] = [
    ...xosCommand,
    'vo',
    'invite',
    `luke@${vo}`,
    '--url',
    `unix:${socket}`,
    '--out',
    out,
  ];
  const child = spawn(program, words, { stdio: 'ignore', detached: true });
  try {
    await asked;
    assert.equal(existsSync(out), true, 'the file is made before the token is asked for');
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    child.kill('SIGINT');
    assert.equal(await ended, 'SIGINT');
    assert.equal(existsSync(out), false);
  } finally {
    child.kill('SIGKILL');
    silent.close();
  }
});

test('on a host that has joined, a person needs no address and no fingerprint', async () => {
  const token = join(service.directory, 'node.token');
  await service.succeed(['node', 'token', vo, '--out', token]);
  await service.succeed(['node', 'join', '--token-file', token, '--hostname', 'node1.example.org', '--yes']);
  const tokenFile = join(service.directory, 'mia.token');
  await service.succeed(['vo', 'invite', `mia@${vo}`, '--out', tokenFile]);
  const environment = { HOME: join(service.directory, 'home-of-mia') };
  await service.succeed(
    ['cert', 'request', `mia@${vo}`, '--token-file', tokenFile, '--passphrase-file', passphraseFile],
    { environment },
  );
  await service.succeed(['cert', 'verify'], { environment });
  const renewed = await service.xos(['cert', 'renew', '--passphrase-file', passphraseFile], { environment });
  assert.equal(renewed.exitCode, 0, renewed.stderr);
});

test('on the host of the service root enrols people before the host has joined a VO', {
  skip: process.geteuid?.() !== 0 && 'needs root',
}, async () => {
  await service.succeed(['vo', 'create', 'biology.example.org']);
  const token = join(service.directory, 'first.token');
  await service.succeed(['vo', 'invite', 'frida@biology.example.org', '--out', token]);
  const passphraseFile = service.secretFile('first.passphrase', 'correct horse battery staple');
  const out = join(service.directory, 'frida.pem');
  await service.succeed([
    ...['cert', 'request', 'frida@biology.example.org', '--token-file', token],
    ...['--passphrase-file', passphraseFile, '--out', out],
  ]);
  assert.ok(existsSync(out));
});
