/** Stock sshd and ssh: the VO's SSH certificates, and keyboard-interactive through PAM. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import { type CommandResult, command, OneHostGrid, succeed } from '../sandbox/one-host-grid.ts';
import { Terminal } from '../sandbox/terminal.ts';

const passphrase = 'correct horse battery staple';
const grid = new OneHostGrid('physics.example.org');
const key = `${grid.laptop}/id_ed25519`;
const common = [
  '-o',
  'StrictHostKeyChecking=no',
  '-o',
  'UserKnownHostsFile=/dev/null',
  '-o',
  'LogLevel=ERROR',
];

before(async () => {
  await grid.start();
  const alice = await grid.enrol('alice', passphrase);
  await grid.enrol('dave', passphrase);
  mkdirSync('/run/sshd', { recursive: true });
  await succeed(['ssh-keygen', '-A']);
  await succeed(['/usr/sbin/sshd', '-E', '/var/log/sshd.log', '-o', 'LogLevel=VERBOSE']);
  await succeed(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
  await succeed([
    'xos',
    'cert',
    'ssh',
    '--key',
    `${key}.pub`,
    '--credential',
    alice.credentialFile,
    '--passphrase-file',
    alice.passphraseFile,
  ]);
});
after(() => grid.stop());

function ssh(user: string, remote: string, ...options: readonly string[]): Promise<CommandResult> {
  return command([
    'ssh',
    ...common,
    '-o',
    'BatchMode=yes',
    '-i',
    key,
    ...options,
    '-l',
    user,
    '127.0.0.1',
    remote,
  ]);
}

test('ssh-keygen reads the certificate the VO issued', async () => {
  const text = await succeed(['ssh-keygen', '-L', '-f', `${key}-cert.pub`]);
  assert.match(text, /user certificate/);
  assert.match(text, /alice@physics\.example\.org/);
});

test('a member logs in with the SSH certificate and has a session credential', async () => {
  const result = await ssh(
    'alice@physics',
    'id; keyctl show; xos whoami; openssl x509 -in $X509_USER_PROXY -noout -subject; pwd',
  );
  assert.equal(result.status, 0, result.stderr + readFileSync('/var/log/sshd.log', 'utf8') + grid.logs());
  assert.match(result.stdout, /uid=\d+\(alice@physics\)/);
  assert.match(result.stdout, /xos:credential/);
  assert.match(result.stdout, /\/home\/physics\/alice/);
});

test("alice's certificate does not log dave in", async () => {
  assert.notEqual((await ssh('dave@physics', 'id')).status, 0);
});

test('keyboard-interactive asks for certificate and passphrase and logs in', async () => {
  const words = [
    'ssh',
    ...common,
    '-tt',
    '-o',
    'PreferredAuthentications=keyboard-interactive',
    '-l',
    'alice@physics',
    '127.0.0.1',
  ];
  const terminal = new Terminal(words.join(' '));
  await terminal.prompt();
  terminal.type('alice.p12');
  await terminal.prompt();
  terminal.type(passphrase);
  await terminal.expect(/alice@physics@node1/, 30_000);
  terminal.type('env; keyctl show; echo "[""done""]"');
  const shown = await terminal.expect(/\[done\]/);
  assert.match(shown, /xos:credential/);
  assert.doesNotMatch(shown, /XOS_LOGIN_HANDLE/);
  assert.ok(!shown.includes(passphrase));
  terminal.type('exit');
  assert.equal(await terminal.ended, 0);
});

test('an authorized_keys of a member is not honoured, whether or not the membership stands', async () => {
  const plainKey = `${grid.laptop}/plain`;
  await succeed(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', plainKey]);
  mkdirSync('/home/physics/alice/.ssh', { recursive: true });
  writeFileSync('/home/physics/alice/.ssh/authorized_keys', readFileSync(`${plainKey}.pub`));
  chmodSync('/home/physics/alice/.ssh', 0o700);
  await succeed(['chown', '-R', 'alice@physics:', '/home/physics/alice/.ssh']);
  const words = [
    'ssh',
    ...common,
    '-o',
    'BatchMode=yes',
    '-o',
    'IdentitiesOnly=yes',
    '-i',
    plainKey,
    '-l',
    'alice@physics',
    '127.0.0.1',
    'id',
  ];
  assert.notEqual((await command(words)).status, 0);
});

test('revoking the member ends the running ssh session within 30 s and refuses new ones', async () => {
  const session = new Terminal(`ssh ${common.join(' ')} -tt -i ${key} -l alice@physics 127.0.0.1`);
  await session.expect(/alice@physics@node1/, 30_000);
  session.type('sleep 600 & echo $X509_USER_PROXY');
  const proxy =
    /\/run\/xtreemos\/session\/\d+\/[\w.-]+\/proxy\.pem/.exec(await session.expect(/proxy\.pem\s/))?.[0] ??
    '';
  assert.ok(existsSync(proxy));
  const revoked = performance.now();
  await succeed(['xos', 'vo', 'revoke', 'member', `alice@${grid.vo}`, '--yes']);
  const timer = setTimeout(() => void session.close(), 30_000);
  await session.ended;
  clearTimeout(timer);
  assert.ok(
    performance.now() - revoked < 30_000,
    `the session went on for ${performance.now() - revoked} ms`,
  );
  await waitFor(() => !existsSync(proxy), 5_000, 'the session credential outlived the membership');
  const left = await succeed(['ps', '-eo', 'uid=']);
  assert.ok(!left.split('\n').some((uid) => Number(uid) >= 2030043136), 'processes of the account are left');
  assert.notEqual((await ssh('alice@physics', 'id')).status, 0);
  assert.equal((await command(['getent', 'passwd', 'alice@physics'])).status, 2);
});
