import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { ModuleConnection } from '@xtreemos/module-protocol';
import { PAM_CODE, PROMPT_STYLE } from '@xtreemos/module-protocol';
import { fakeAccounts, result } from './test/fake-accounts.ts';
import { build, login } from './test/login.ts';

before(() => build('test-builds'));

const credential = Buffer.alloc(19_000, 'proxy certificate and key\n');

/** xos-accounts as it should be: asks for certificate and passphrase, opens a session with a 19 kB credential. */
async function accounts(connection: ModuleConnection): Promise<void> {
  for (let message = await connection.next(); message !== undefined; message = await connection.next()) {
    connection.working();
    if (message.type === 'authenticate') {
      connection.send({ type: 'prompt', style: PROMPT_STYLE.ECHO_ON, text: 'Certificate: ' });
      await connection.next();
      connection.send({ type: 'prompt', style: PROMPT_STYLE.INFO, text: 'alice.p12' });
      await connection.next();
      connection.send({ type: 'prompt', style: PROMPT_STYLE.ECHO_OFF, text: 'Passphrase: ' });
      const passphrase = await connection.next();
      const good = passphrase?.type === 'response' && passphrase.text.toString() === 'sesame';
      connection.send(
        good
          ? result(PAM_CODE.SUCCESS, { handle: 'handle-1' })
          : result(PAM_CODE.AUTH_ERR, { message: 'Wrong passphrase.' }),
      );
    } else if (message.type === 'openSession') {
      connection.send({
        type: 'session',
        sessionId: 'session-1',
        credential,
        credentialTimeoutSeconds: 3600,
        environment: [
          'XOS_VO=physics',
          'X509_USER_PROXY=/run/x',
          'LD_PRELOAD=/tmp/evil.so',
          'XOS_LOGIN_HANDLE=again',
        ],
        message: 'Welcome.',
      });
    } else {
      connection.send(result(PAM_CODE.SUCCESS));
    }
  }
}

const wholeLogin = [
  'authenticate',
  'setcred',
  'account',
  'keyinit',
  'open',
  'refresh',
  'env',
  'key',
  'as-user',
];

test('a person logs in, finds the credential in the session keyring, and leaves nothing behind', async () => {
  using host = login();
  await using daemon = await fakeAccounts(host.socket, accounts);
  const steps = [...wholeLogin, 'delete', 'close', 'env', 'key'];
  const output = await host.run('alice@physics', steps, { answers: ['alice.p12', 'sesame'] });
  const text = output.lines.join('\n');
  for (const step of ['authenticate', 'setcred', 'account', 'open', 'refresh', 'delete', 'close']) {
    assert.equal(output.value(step), '0', text);
  }
  assert.deepEqual(
    output.lines.filter((line) => line.startsWith('conv ')),
    ['conv 2 Certificate: ', 'conv 4 alice.p12', 'conv 1 Passphrase: ', 'conv 4 Welcome.'],
  );
  const environment = output.lines.filter((line) => line.startsWith('env ')).sort();
  assert.deepEqual(environment, [
    'env X509_USER_PROXY=/run/x',
    'env XOS_SESSION_ID=session-1',
    'env XOS_VO=physics',
  ]);
  const serial = Number.parseInt(output.value('root-key') ?? '', 10);
  assert.match(output.value('root-key') ?? '', /bytes=19000 .*user;0;0;0b210000;xos:credential/);
  assert.match(output.value('user-key') ?? '', /bytes=19000 .*user;0;0;0b210000;xos:credential/);
  assert.equal(output.lines.filter((line) => line.startsWith('root-key')).at(-1), 'root-key ENOKEY', text);
  assert.deepEqual(
    daemon.received.map((message) => message.type),
    'authenticate response response response account openSession sessionKey closeSession'.split(' '),
  );
  const [authenticate, certificate, info, passphrase, , open, key, close] = daemon.received;
  assert.deepEqual(authenticate, {
    type: 'authenticate',
    user: 'alice@physics',
    service: 'xos',
    tty: 'tty7',
    rhost: 'host?.example',
    ruser: '',
  });
  assert.deepEqual(
    [certificate, info, passphrase],
    [
      { type: 'response', text: Buffer.from('alice.p12') },
      { type: 'response', text: Buffer.alloc(0) },
      { type: 'response', text: Buffer.from('sesame') },
    ],
  );
  assert.ok(open?.type === 'openSession' && open.handle === 'handle-1' && open.sshAuthInfo === '');
  assert.deepEqual(key, { type: 'sessionKey', sessionId: 'session-1', keySerial: serial });
  assert.deepEqual(close, { type: 'closeSession', sessionId: 'session-1' });
});

test('the user of the session can read the credential and nothing else', async () => {
  using host = login();
  await using _daemon = await fakeAccounts(host.socket, accounts);
  const output = await host.run('alice@physics', ['open', 'as-user', 'close']);
  assert.equal(output.value('user-exit'), '0', output.lines.join('\n'));
  assert.match(output.value('user-key') ?? '', /bytes=19000/);
  for (const attempt of ['update', 'setperm', 'timeout', 'revoke']) {
    assert.equal(output.value(`user-${attempt}`), 'EACCES', attempt);
  }
});

test('a session in a keyring that holds a credential already gets a keyring of its own', async () => {
  using host = login();
  await using _daemon = await fakeAccounts(host.socket, accounts);
  const script = `"$0" "$@" & wait $!`;
  const output = await host.run('alice@physics', ['keyinit', 'open', 'key', 'close'], {
    wrapper: [
      'keyctl',
      'session',
      '-',
      'sh',
      '-c',
      `keyctl add user xos:credential planted @s >/dev/null; ${script}`,
    ],
  });
  assert.match(output.value('root-key') ?? '', /bytes=19000/);
  const shared = await host.run('alice@physics', ['open', 'key', 'close'], {
    wrapper: [
      'keyctl',
      'session',
      '-',
      'sh',
      '-c',
      `keyctl add user xos:credential planted @s >/dev/null; ${script}`,
    ],
  });
  assert.match(shared.value('root-key') ?? '', /bytes=19000/);
});

test('an SSH certificate login hands SSH_AUTH_INFO_0 over and no handle', async () => {
  using host = login();
  await using daemon = await fakeAccounts(host.socket, accounts);
  await host.run('alice@physics', ['ssh', 'account', 'open', 'close']);
  const open = daemon.received.find((message) => message.type === 'openSession');
  assert.equal(open?.sshAuthInfo, 'publickey ssh-ed25519-cert AAAA\n');
  assert.equal(open?.handle, '');
});

test('opening twice is one session', async () => {
  using host = login();
  await using daemon = await fakeAccounts(host.socket, accounts);
  const output = await host.run('alice@physics', ['open', 'open', 'close']);
  assert.deepEqual(output.lines, ['conv 4 Welcome.', 'open 0', 'open 0', 'close 0']);
  assert.equal(daemon.received.filter((message) => message.type === 'openSession').length, 1);
});

test('a name that is no grid login name is refused without asking anybody', async () => {
  using host = login();
  await using daemon = await fakeAccounts(host.socket, accounts);
  const names = [
    'root',
    'alice',
    '../x@physics',
    'Alice@physics',
    'a@b@c',
    `${'a'.repeat(300)}@physics`,
    '@physics',
    'local@physics',
  ];
  for (const name of names) {
    const output = await host.run(name, ['authenticate', 'account', 'setcred']);
    assert.equal(output.value('authenticate'), `${PAM_CODE.USER_UNKNOWN}`, name);
    assert.equal(output.value('account'), `${PAM_CODE.USER_UNKNOWN}`, name);
    assert.equal(output.value('setcred'), `${PAM_CODE.USER_UNKNOWN}`, name);
  }
  assert.deepEqual(daemon.received, []);
});

test('a wrong passphrase and a revoked membership are told as they are', async () => {
  using host = login();
  await using _daemon = await fakeAccounts(host.socket, accounts);
  const output = await host.run('alice@physics', ['authenticate', 'env'], { answers: ['alice.p12', 'open'] });
  assert.deepEqual(output.lines.slice(-2), ['conv 3 Wrong passphrase.', `authenticate ${PAM_CODE.AUTH_ERR}`]);
  const silent = await host.run('alice@physics', ['silent'], { answers: ['alice.p12', 'open'] });
  assert.ok(!silent.lines.some((line) => line.startsWith('conv 3')));

  using other = login();
  await using _revoked = await fakeAccounts(other.socket, async (connection) => {
    await connection.next();
    connection.send(result(PAM_CODE.ACCT_EXPIRED, { message: 'Membership ended.' }));
  });
  assert.equal((await other.run('alice@physics', ['account'])).value('account'), `${PAM_CODE.ACCT_EXPIRED}`);
});

test('changing the password is refused with a message', async () => {
  using host = login();
  const output = await host.run('alice@physics', ['chauthtok']);
  assert.match(output.lines[0] ?? '', /conv 3 .*no password on this host/);
  assert.equal(output.value('chauthtok'), `${PAM_CODE.PERM_DENIED}`);
});
