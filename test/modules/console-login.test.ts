/** Stock login(1) on a terminal, the product installed, a VO and its members. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import { command, OneHostGrid, succeed } from '../sandbox/one-host-grid.ts';
import { Terminal } from '../sandbox/terminal.ts';

const passphrase = 'correct horse battery staple';
const grid = new OneHostGrid('physics.example.org');

before(async () => {
  await grid.start();
  await grid.enrol('alice', passphrase);
  await succeed(['useradd', '-m', '-s', '/bin/bash', 'bob']);
  await succeed(['chpasswd'], { input: 'bob:local password\n' });
});
after(() => grid.stop());

/** Answers the prompts of login in order and leaves the terminal at what comes then. */
async function login(...answers: readonly string[]): Promise<Terminal> {
  const terminal = new Terminal('login');
  for (const answer of answers) {
    assert.ok(await terminal.prompt(), `no prompt for another answer:\n${terminal.screen}`);
    if (/Login incorrect/.test(terminal.screen)) break;
    terminal.type(answer);
  }
  return terminal;
}

const loginAlice = (): Promise<Terminal> => login('alice@physics', '', passphrase);

async function output(terminal: Terminal, line: string): Promise<string> {
  terminal.type(`${line}; echo "[""done""]"`);
  return await terminal.expect(/\[done\]/);
}

test('a member logs in with the certificate on the stick and is who the VO says', async () => {
  const terminal = await loginAlice();
  await terminal.expect(/alice@physics@node1/);
  const id = await output(terminal, 'id');
  const [, uid] = /uid=(\d+)\(alice@physics\) gid=\d+\(alice@physics\)/.exec(id) ?? [];
  assert.ok(Number(uid) >= 2030043136 && Number(uid) <= 2147352575, id);
  assert.match(id, /members@physics/);
  assert.match(await output(terminal, 'pwd'), /\/home\/physics\/alice/);
  const whoami = await output(terminal, 'xos whoami --json=short');
  assert.match(whoami, /alice@physics\.example\.org/);
  assert.match(whoami, /"\/physics\.example\.org"/);
  const keys = await output(terminal, 'keyctl show');
  assert.match(keys, /xos:credential/);
  const pem = await output(terminal, 'keyctl pipe $(keyctl search @s user xos:credential)');
  assert.match(pem, /BEGIN CERTIFICATE/);
  const proxy =
    /\/run\/xtreemos\/session\/\d+\/[\w.-]+\/proxy\.pem/.exec(
      await output(terminal, 'echo $X509_USER_PROXY'),
    )?.[0] ?? '';
  assert.equal(statSync(proxy).mode & 0o777, 0o600);
  assert.equal(statSync(proxy).uid, Number(uid));
  assert.equal(statSync('/home/physics/alice').mode & 0o777, 0o700);
  terminal.type('exit');
  assert.equal(await terminal.ended, 0);
  await waitFor(() => !existsSync(proxy), 5_000, 'the session credential is still there after logout');
});

test("stock openssl accepts the session proxy against the host's trust anchors", async () => {
  const terminal = await loginAlice();
  await terminal.expect(/alice@physics@node1/);
  const verdict = await output(
    terminal,
    'openssl verify -allow_proxy_certs -auth_level 2 -crl_check_all -CApath /etc/grid-security/certificates -untrusted $X509_USER_PROXY $X509_USER_PROXY',
  );
  assert.match(verdict, /: OK/);
  terminal.type('exit');
  assert.equal(await terminal.ended, 0);
});

test('the user can read the credential key but not change, revoke or prolong it', async () => {
  const terminal = await loginAlice();
  await terminal.expect(/alice@physics@node1/);
  terminal.type('K=$(keyctl search @s user xos:credential)');
  for (const attempt of [
    'keyctl update $K x',
    'keyctl timeout $K 999999',
    'keyctl setperm $K 0x3f3f3f3f',
    'keyctl revoke $K',
  ]) {
    assert.match(await output(terminal, attempt), /Permission denied|Operation not permitted/, attempt);
  }
  terminal.type('exit');
  assert.equal(await terminal.ended, 0);
});

for (const [what, answers] of [
  ['a wrong passphrase', ['alice@physics', '', 'wrong passphrase']],
  ['a certificate that is not there', ['alice@physics', 'nobody.p12', passphrase]],
  ['a path out of the credential directories', ['alice@physics', '../../etc/shadow', passphrase]],
  ['a person who is no member', ['mallory@physics', '', passphrase]],
  ['a VO this host has not joined', ['alice@chemistry', '', passphrase]],
] as const) {
  test(`${what} does not log in`, async () => {
    const terminal = await login(...answers);
    assert.ok(await refused(terminal), terminal.screen);
    await terminal.close();
  });
}

/** True when login says so; false when a shell or nothing comes. */
async function refused(terminal: Terminal): Promise<boolean> {
  while (!/Login incorrect/.test(terminal.screen)) {
    if (!(await terminal.prompt()) || /@node1:/.test(terminal.screen)) return false;
  }
  return true;
}

test("another member's certificate does not log alice in", async () => {
  await grid.enrol('carol', 'another long passphrase');
  const terminal = await login('alice@physics', 'carol.p12', 'another long passphrase');
  assert.ok(await refused(terminal), terminal.screen);
  await terminal.close();
});

test('a local user logs in as ever, with the daemons up and with them stopped', async () => {
  for (const stopped of [false, true]) {
    if (stopped) grid.daemon('accounts').kill('SIGSTOP');
    const started = performance.now();
    const terminal = await login('bob', 'local password');
    await terminal.expect(/bob@node1/);
    assert.ok(performance.now() - started < 5_000);
    assert.match(await output(terminal, 'id'), /\(bob\)/);
    terminal.type('exit');
    assert.equal(await terminal.ended, 0);
    if (stopped) grid.daemon('accounts').kill('SIGCONT');
  }
});

test('the VO password logs in, and the CDA issues the session certificate on the spot', async () => {
  const password = 'a password for the VO';
  await succeed(['xos', 'vo', 'password', `carol@${grid.vo}`, '--password-file', '-'], {
    input: `${password}\n`,
  });
  const terminal = await login('carol@physics', 'password', password);
  await terminal.expect(/carol@physics@node1/, 30_000);
  assert.match(await output(terminal, 'xos whoami'), /carol@physics\.example\.org/);
  terminal.type('exit');
  assert.equal(await terminal.ended, 0);
});

test('a NUL, control characters and 300 letters as login name are refused', async () => {
  for (const name of [
    'alice@physics\\0',
    `${'a'.repeat(300)}@physics`,
    '../alice@physics',
    '@physics',
    'alice@',
    'alice@@physics',
  ]) {
    const result = await command(['getent', 'passwd', name]);
    assert.equal(result.status, 2, name);
  }
});
