import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { encodeMessage, PAM_CODE } from '@xtreemos/module-protocol';
import fc from 'fast-check';
import { FakeVo } from './grid-fixtures.ts';
import { eventually, startHost, TEST_NOW, type TestHost } from './host-fixtures.ts';
import { fitting } from './pam-server.ts';

const where = { service: 'login', tty: '', rhost: '' };

async function aHost(context: { after(work: () => void | Promise<void>): void }): Promise<TestHost> {
  const vo = new FakeVo('physics.example', TEST_NOW);
  vo.addMember('alice');
  const host = await startHost(context, [vo]);
  await eventually(() => host.service.counts().members === 1, 'connected');
  return host;
}

function open(host: TestHost, socket: 'pam' | 'nss'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const opened = connect(join(host.directory, `${socket}.sock`));
    opened.once('connect', () => resolve(opened));
    opened.once('error', reject);
  });
}

/** Sends bytes and waits until the daemon hangs up; resolves with how long that took, in milliseconds. */
async function untilHungUp(
  host: TestHost,
  socket: 'pam' | 'nss',
  bytes: Buffer,
  endAfter = false,
): Promise<number> {
  const opened = await open(host, socket);
  const startedAt = performance.now();
  opened.on('error', () => undefined);
  opened.resume();
  const closed = new Promise<void>((resolve) => opened.once('close', () => resolve()));
  opened.write(bytes);
  if (endAfter) opened.end();
  await closed;
  return performance.now() - startedAt;
}

async function stillServes(host: TestHost): Promise<void> {
  const [answer] = await host.ask('nss', { type: 'getPasswdByName', name: 'alice@physics' });
  assert.equal(answer?.type, 'passwdEntry');
  const [result] = await host.ask('pam', { type: 'account', user: 'alice@physics', ...where });
  assert.ok(result?.type === 'result' && result.pamCode === PAM_CODE.SUCCESS);
}

function frame(type: number, payload: Buffer, length = payload.length): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(0x5801, 0);
  header.writeUInt16LE(type, 2);
  header.writeUInt32LE(length, 4);
  return Buffer.concat([header, payload]);
}

test('garbage on either socket ends that connection and nothing else', async (context) => {
  const host = await aHost(context);
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    frame(0x0101, Buffer.alloc(0), 0xffffffff),
    frame(0x9999, Buffer.alloc(4)),
    frame(0x0283, Buffer.alloc(12)),
    frame(0x0202, Buffer.from([0, 0, 0, 0])),
    frame(0x0205, Buffer.alloc(9)),
    encodeMessage({ type: 'result', pamCode: 0, message: '', handle: '' }),
    encodeMessage({ type: 'sessionKey', sessionId: 'x', keySerial: 1 }),
  ]) {
    for (const socket of ['pam', 'nss'] as const) {
      assert.ok((await untilHungUp(host, socket, bytes)) < 4000, bytes.toString('hex'));
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await untilHungUp(host, 'pam', Buffer.from(bytes), true);
      await untilHungUp(host, 'nss', Buffer.from(bytes), true);
    }),
    { numRuns: 40 },
  );
  await stillServes(host);
});

test('requests on the wrong socket are refused', async (context) => {
  const host = await aHost(context);
  assert.deepEqual(await host.ask('pam', { type: 'getPasswdByName', name: 'alice@physics' }), []);
  const [answer] = await host.ask('nss', {
    type: 'openSession',
    user: 'alice@physics',
    ...where,
    handle: '',
    sshAuthInfo: '',
  });
  assert.equal(answer?.type, 'unavailable');
  assert.equal(host.service.map.sessions('').length, 0);
});

test('names with dots and slashes, a NUL, or 300 letters neither resolve nor log in', async (context) => {
  const host = await aHost(context);
  for (const user of [
    '../alice@physics',
    'alice@physics/..',
    'a@b@physics',
    `${'a'.repeat(24)}@physics`,
    '@',
    '',
    'alice@',
  ]) {
    const [result] = await host.ask('pam', { type: 'account', user, ...where });
    assert.ok(result?.type === 'result' && result.pamCode === PAM_CODE.USER_UNKNOWN, user);
    const messages = await host.ask('pam', {
      type: 'openSession',
      user,
      ...where,
      handle: '',
      sshAuthInfo: '',
    });
    assert.ok(
      messages.every(({ type }) => type === 'result'),
      user,
    );
  }
  const name = Buffer.concat([
    Buffer.from([32, 0, 0, 0]),
    Buffer.from('alice@physics'),
    Buffer.alloc(19),
    Buffer.from([0]),
  ]);
  await untilHungUp(host, 'nss', frame(0x0101, name));
  const long = Buffer.concat([Buffer.from([44, 1, 0, 0]), Buffer.alloc(301, 0x61)]);
  await untilHungUp(host, 'nss', frame(0x0101, long));
  await stillServes(host);
});

test('100,000 unknown names change nothing: no row, no lease, members answered as before', {
  timeout: 120_000,
}, async (context) => {
  const host = await aHost(context);
  const before = host.service.counts();
  const socket = await open(host, 'nss');
  let answers = 0;
  socket.on('data', (chunk: Buffer) => {
    answers += chunk.length / 8;
  });
  const memoryBefore = process.memoryUsage().rss;
  for (let sent = 0; sent < 100_000; sent += 1000) {
    const batch = Array.from({ length: 1000 }, (_, index) =>
      encodeMessage({ type: 'getPasswdByName', name: `nobody${sent + index}@physics` }),
    );
    socket.write(Buffer.concat(batch));
    await eventually(() => answers >= sent + 1000, `answers to ${sent + 1000} names`);
  }
  socket.destroy();
  assert.equal(answers, 100_000);
  assert.deepEqual(host.service.counts(), before);
  const grownBytes = process.memoryUsage().rss - memoryBefore;
  assert.ok(grownBytes < 200 * 1024 * 1024, `memory grew by ${grownBytes} bytes`);
  await stillServes(host);
});

test('who connects and says nothing, or half a frame, is hung up on and keeps nobody out', async (context) => {
  const host = await aHost(context);
  host.peer = { uid: 12345, gid: 12345, pid: 1 };
  const silent = await Promise.all(Array.from({ length: 40 }, () => open(host, 'pam')));
  for (const socket of silent) socket.on('error', () => undefined).resume();
  // One user's connections are limited: most of the forty are closed at once, root is served all the same.
  await eventually(
    () => silent.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length >= 24,
    'limited per user',
  );
  host.peer = { uid: 0, gid: 0, pid: 4242 };
  await stillServes(host);
  const half = encodeMessage({ type: 'account', user: 'alice@physics', ...where }).subarray(0, 9);
  const tookMs = await untilHungUp(host, 'pam', half);
  assert.ok(tookMs > 1000 && tookMs < 9000, `hung up after ${tookMs} ms`);
  for (const socket of silent) socket.destroy();
});

test('a person who hangs up in the middle of the conversation leaves nothing behind', async (context) => {
  const host = await aHost(context);
  for (const answers of [[], ['']]) {
    const messages = await host.ask(
      'pam',
      { type: 'authenticate', user: 'alice@physics', ...where, ruser: '' },
      answers,
    );
    assert.ok(messages.every(({ type }) => type !== 'result'));
  }
  await stillServes(host);
});

test('guesses at one name are slowed down, other names are not', async (context) => {
  const host = await aHost(context);
  const attempt = async (user: string) => {
    const messages = await host.ask('pam', { type: 'authenticate', user, ...where, ruser: '' }, [
      '',
      'guess',
    ]);
    const last = messages.at(-1);
    return last?.type === 'result' ? last.pamCode : undefined;
  };
  const codes: (number | undefined)[] = [];
  for (let index = 0; index < 12; index++) codes.push(await attempt('alice@physics'));
  assert.equal(codes.at(-1), PAM_CODE.MAXTRIES);
  assert.equal(await attempt('bob@physics'), PAM_CODE.AUTH_ERR);
  host.clock.advance(10_000);
  assert.equal(await attempt('alice@physics'), PAM_CODE.AUTH_ERR);
});

test('what a terminal would obey does not reach it', () => {
  assert.equal(fitting('a\x1b[2J\x9b31m\0\rb\u202ec\nd é 物'), 'a?[2J?31m??b?c\nd é 物');
});
