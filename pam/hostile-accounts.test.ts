import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { encodeMessage, type Message, PAM_CODE, PROMPT_STYLE } from '@xtreemos/module-protocol';
import { peerCredentials, socketDescriptor } from '@xtreemos/native-sys';
import { fakeAccounts, result } from './test/fake-accounts.ts';
import { build, login } from './test/login.ts';

before(() => build('test-builds'));

const steps = ['authenticate', 'account', 'open'];

/** Answers the first bytes of every connection with answer, whatever was asked. */
async function answering(path: string, answer: (socket: Socket) => void): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const session = {
  type: 'session',
  sessionId: 's1',
  credential: Buffer.from('pem'),
  credentialTimeoutSeconds: 60,
  environment: [],
  message: '',
} as const satisfies Message;
const truncated = encodeMessage(session).subarray(0, 30);
const trailing = Buffer.concat([encodeMessage(result(0)), Buffer.from('x')]);
trailing.writeUInt32LE(trailing.length - 8, 4);
const badCount = encodeMessage(session);
badCount.writeUInt32LE(0x7fffffff, 8 + 4 + 2 + 1);
const noFrame: Record<string, Buffer> = {
  'no frame of ours': Buffer.from('HTTP/1.1 200 OK\r\n\r\n'),
  'a frame cut short': truncated,
  'bytes behind the last field': trailing,
  'a length beyond the frame': badCount,
  'a frame of 4 GB': Buffer.from([0x01, 0x58, 0x83, 0x02, 0xff, 0xff, 0xff, 0xff]),
  'an unknown type': Buffer.from([0x01, 0x58, 0xff, 0x7f, 0, 0, 0, 0]),
  'an answer to something else': encodeMessage({ type: 'groupList', gids: [1] }),
  'an unknown PAM code': encodeMessage(result(999)),
  'a prompt of no style': encodeMessage({ type: 'prompt', style: 9, text: '' }),
  'a handle with an equals sign': encodeMessage(result(0, { handle: 'LD_PRELOAD=x' })),
  'a session with a path as id': encodeMessage({ ...session, sessionId: '../../etc' }),
  'a credential for ever': encodeMessage({ ...session, credentialTimeoutSeconds: 0 }),
};

for (const [what, bytes] of Object.entries(noFrame)) {
  test(`${what} lets nobody in`, async () => {
    using host = login();
    await using _daemon = await answering(host.socket, (socket) => socket.end(bytes));
    const output = await host.run('alice@physics', steps);
    for (const step of ['authenticate', 'account', 'open']) {
      const code = output.value(step);
      // A session answer is right for open alone, a result for the others alone.
      assert.ok(code !== undefined && code !== '0', `${step}: ${code}\n${output.lines.join('\n')}`);
    }
    assert.ok(output.tookMs < 3000, `${output.tookMs} ms`);
  });
}

test('no daemon: unavailable at once', async () => {
  using host = login();
  const output = await host.run('alice@physics', steps);
  assert.deepEqual(output.lines, ['authenticate 9', 'account 9', 'open 14']);
  assert.ok(output.tookMs < 500, `${output.tookMs} ms`);
});

async function stoppedDaemon(path: string): Promise<ChildProcess> {
  const script = `require('node:net').createServer(() => {}).listen(${JSON.stringify(path)}, () => console.log('listening'))`;
  const daemon = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  assert.ok(daemon.stdout);
  await once(daemon.stdout, 'data');
  return daemon;
}

test('a daemon stopped by SIGSTOP holds each call for a second and no longer', async () => {
  using host = login();
  const daemon = await stoppedDaemon(host.socket);
  try {
    daemon.kill('SIGSTOP');
    for (const [step, code] of [
      ['authenticate', '9'],
      ['account', '9'],
      ['open', '14'],
    ] as const) {
      const output = await host.run('alice@physics', [step]);
      assert.equal(output.value(step), code);
      assert.ok(output.tookMs >= 900 && output.tookMs < 2000, `${step} took ${output.tookMs} ms`);
    }
    const local = await host.run('root', steps);
    assert.ok(local.tookMs < 500, `a local user waited ${local.tookMs} ms`);
  } finally {
    daemon.kill('SIGKILL');
  }
});

test('a name that the name service has waited a second for does not wait another for the same stopped daemon', async () => {
  using host = login();
  const daemon = await stoppedDaemon(host.socket);
  try {
    daemon.kill('SIGSTOP');
    const output = await host.run('slow@physics', ['authenticate']);
    assert.equal(output.value('authenticate'), '9');
    assert.ok(output.tookMs >= 1100 && output.tookMs < 1700, `${output.tookMs} ms`);
  } finally {
    daemon.kill('SIGKILL');
  }
});

test('a slow name service does not keep people out while the daemon answers', async () => {
  using host = login();
  await using _daemon = await fakeAccounts(host.socket, async (connection) => {
    await connection.next();
    connection.working();
    await new Promise((resolve) => setTimeout(resolve, 600));
    connection.send(result(PAM_CODE.SUCCESS));
  });
  assert.equal((await host.run('slow@physics', ['account'])).value('account'), '0');
});

test('time in which the module itself stood still is not counted as silence of the daemon', async () => {
  using host = login();
  let peer = 0;
  await using _daemon = await fakeAccounts(host.socket, async (connection, socket) => {
    await connection.next();
    peer = peerCredentials(socketDescriptor(socket)).pid;
    process.kill(peer, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    process.kill(peer, 'SIGCONT');
    await new Promise((resolve) => setTimeout(resolve, 200));
    connection.send(result(PAM_CODE.SUCCESS));
    await connection.next();
  });
  const output = await host.run('alice@physics', ['account']);
  assert.equal(output.value('account'), '0', `process ${peer}`);
  assert.ok(output.tookMs >= 1600, `${output.tookMs} ms`);
});

test('heartbeats keep a slow answer alive; when they stop the login ends', async () => {
  using host = login();
  await using _daemon = await fakeAccounts(host.socket, async (connection) => {
    const message = await connection.next();
    if (message?.type === 'account') {
      connection.working();
      await new Promise((resolve) => setTimeout(resolve, 1800));
      connection.send(result(PAM_CODE.SUCCESS));
    } else {
      connection.send({ type: 'working', milliseconds: 300 });
    }
    await connection.next();
  });
  const slow = await host.run('alice@physics', ['account']);
  assert.equal(slow.value('account'), '0');
  assert.ok(slow.tookMs >= 1700, `${slow.tookMs} ms`);
  const silent = await host.run('alice@physics', ['authenticate']);
  assert.equal(silent.value('authenticate'), '9');
  assert.ok(silent.tookMs < 1200, `${silent.tookMs} ms`);
});

test('a daemon that dies between session and sessionKey leaves no key and no environment', async () => {
  using host = login();
  await using _daemon = await fakeAccounts(host.socket, async (connection) => {
    const message = await connection.next();
    if (message?.type === 'openSession') connection.send({ ...session, environment: ['XOS_VO=x'] });
    if (message?.type === 'openSession') await connection.next();
  });
  const output = await host.run('alice@physics', ['keyinit', 'open', 'env', 'key']);
  assert.deepEqual(output.lines.slice(1), ['open 14', 'root-key ENOKEY']);
});

test('a session that the daemon takes back after the key was made is undone and closed', async () => {
  using host = login();
  await using daemon = await fakeAccounts(host.socket, async (connection) => {
    for (let message = await connection.next(); message !== undefined; message = await connection.next()) {
      if (message.type === 'openSession') connection.send(session);
      else connection.send(result(message.type === 'sessionKey' ? PAM_CODE.SESSION_ERR : PAM_CODE.SUCCESS));
    }
  });
  const output = await host.run('alice@physics', ['keyinit', 'open', 'env', 'key']);
  assert.deepEqual(output.lines.slice(1), ['open 14', 'root-key ENOKEY']);
  assert.equal(daemon.received.at(-1)?.type, 'closeSession');
});

test('a daemon without a credential opens a session without a key', async () => {
  using host = login();
  await using daemon = await fakeAccounts(host.socket, async (connection) => {
    const message = await connection.next();
    const { credential: _none, ...rest } = session;
    if (message?.type === 'openSession') {
      connection.send({ ...rest, credential: Buffer.alloc(0), credentialTimeoutSeconds: 0 });
    } else {
      connection.send(result(PAM_CODE.SUCCESS));
    }
    await connection.next();
  });
  const output = await host.run('alice@physics', ['keyinit', 'open', 'key', 'close']);
  assert.deepEqual(output.lines.slice(1), ['open 0', 'root-key ENOKEY', 'close 0']);
  assert.deepEqual(
    daemon.received.map((message) => message.type),
    ['openSession', 'closeSession'],
  );
});

test('endless prompts end when the person gives up, a too long answer is refused', async () => {
  using host = login();
  await using _daemon = await fakeAccounts(host.socket, async (connection) => {
    for (let message = await connection.next(); message !== undefined; message = await connection.next()) {
      connection.send({ type: 'prompt', style: PROMPT_STYLE.ECHO_OFF, text: 'again: ' });
    }
  });
  const tired = await host.run('alice@physics', ['authenticate'], { failAt: [30, 'error'] });
  assert.equal(tired.value('authenticate'), '19');
  const long = await host.run('alice@physics', ['authenticate'], { answers: ['x'.repeat(5000)] });
  assert.equal(long.value('authenticate'), `${PAM_CODE.AUTH_ERR}`);
});

test('only the PAM entry points are exported', async () => {
  const nm = spawn('nm', ['-D', '--defined-only', join(import.meta.dirname, 'build/pam_xos.so')]);
  const chunks: Buffer[] = [];
  nm.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(nm, 'close');
  const names = Buffer.concat(chunks)
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[2])
    .sort();
  assert.deepEqual(names, [
    'pam_sm_acct_mgmt',
    'pam_sm_authenticate',
    'pam_sm_chauthtok',
    'pam_sm_close_session',
    'pam_sm_open_session',
    'pam_sm_setcred',
  ]);
});
