import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { isXosError, type Logger, type Metrics, systemClock } from '@xtreemos/base';
import { createHelperClient, type Helper } from '@xtreemos/helper-client';
import { frameMessage, memfd, request, sealDescriptor } from '@xtreemos/native-sys';
import { createCallerRights } from './caller-rights.ts';
import { createCredentialFiles } from './credential-files.ts';
import { createRequestHandler } from './request-handlers.ts';
import { createRequestServer, type RequestServer } from './request-server.ts';

const execFileAsync = promisify(execFile);
const uid = 2_030_043_209;
const stranger = 65_533;
const home = {
  uid,
  gid: uid,
  loginName: 'alice@physics',
  vo: 'physics.example',
  volume: 'home',
  directory: 'dir:1',
};
const receiveTimeoutMs = 1_000;

let directory: string;
let socketPath: string;
let requests: RequestServer;
let helper: Helper;
let logged: string[];

const silent = () => undefined;
const metrics = { counter: () => ({ increment: silent }) } as unknown as Metrics;

function createLogger(): Logger {
  const log = (_event: unknown, message: string) => void logged.push(message);
  const logger = { critical: log, error: log, warning: log, notice: log, info: log, debug: log };
  return { ...logger, child: createLogger } as Logger;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-server-'));
  await chmod(directory, 0o755);
  socketPath = join(directory, 'helper.sock');
  for (const name of ['media', 'home', 'session', 'map']) await mkdir(join(directory, name));
  await writeFile(join(directory, 'media/alice.p12'), 'PKCS12');
  logged = [];
  const refuseUse = () => {
    throw new Error('not part of this test');
  };
  requests = createRequestServer({
    rights: createCallerRights(0, stranger - 1),
    ids: {
      uids: { minimum: 2_030_043_136, maximum: 2_147_352_575 },
      groupGids: { minimum: 2_013_265_920, maximum: 2_030_043_135 },
      poolUids: [],
      staticUids: [],
    },
    handle: createRequestHandler({
      credentials: createCredentialFiles({
        directories: [join(directory, 'media')],
        sizeLimitBytes: 4096,
        timeoutMs: 30_000,
      }),
      home: { root: join(directory, 'home'), skeleton: join(directory, 'absent') },
      homeVolumeDirectory: join(directory, 'volumes'),
      sessionDirectory: join(directory, 'session'),
      isLeased: () => true,
      tree: undefined,
      manager: undefined,
      launcher: { killUid: refuseUse, removeLeftovers: refuseUse, run: refuseUse },
      keys: { describeKey: refuseUse, revokeKey: refuseUse },
      map: { path: join(directory, 'map/accounts.map'), sizeLimitBytes: 4096 },
      sweep: {
        directories: [],
        spoolDirectories: [],
        lingerDirectory: '/nonexistent',
        runtimeDirectory: '/nonexistent',
        timeoutMs: 1000,
      },
      hostCertificates: { directory, nowMs: Date.now },
      services: { start: refuseUse, stop: refuseUse },
      ownPid: process.pid,
    }),
    logger: createLogger(),
    metrics,
    clock: systemClock,
    concurrentRequests: 16,
    receiveTimeoutMs,
  });
  await new Promise<void>((resolve) => requests.server.listen(socketPath, resolve));
  await chmod(socketPath, 0o666);
  helper = createHelperClient({ socketPath, timeoutMs: 30_000 });
});

afterEach(async () => {
  await requests.drain();
  await rm(directory, { recursive: true, force: true });
});

async function descriptorCount(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

async function settledDescriptorCount(expected: number): Promise<number> {
  for (let attempt = 0; attempt < 200 && (await descriptorCount()) !== expected; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return await descriptorCount();
}

test('requests are answered through the client, descriptors included', async () => {
  const { descriptor, sizeBytes } = await helper.openCredentialFile('alice');
  assert.equal(readFileSync(descriptor, 'utf8'), 'PKCS12');
  closeSync(descriptor);
  assert.equal(sizeBytes, 6);
  const session = await helper.writeSession({ uid, gid: uid, sessionId: 's1' }, Buffer.from('PEM'));
  assert.equal(readFileSync(session.proxyPath, 'utf8'), 'PEM');
  assert.deepEqual(await helper.removeSession({ uid, sessionId: 's1' }), { removed: true });
  assert.match(logged.join('\n'), /open-credential-file done\nwrite-session done\nremove-session done/);
});

test('refusals keep their code and details', async () => {
  await assert.rejects(helper.makeHome({ uid: 0, gid: 0, loginName: 'a@b' }), (error) =>
    isXosError(error, 'XOS_UID_OUT_OF_RANGE'),
  );
  await assert.rejects(helper.openCredentialFile('../../etc/shadow.pem'), (error) =>
    isXosError(error, 'XOS_INPUT_BAD'),
  );
  await assert.rejects(helper.publishMap(Buffer.from('no map')), (error) =>
    isXosError(error, 'XOS_INPUT_BAD'),
  );
  await assert.rejects(helper.startHome(home), (error) => isXosError(error, 'XOS_NOT_SUPPORTED'));
  await assert.rejects(
    helper.placeProcess({ pid: process.pid, startTime: 1, uid, sessionId: 's' }),
    (error) => isXosError(error, 'XOS_NOT_SUPPORTED'),
  );
});

test('each caller may ask what is his, and strangers nothing', async () => {
  const script = `
    import { createHelperClient } from '@xtreemos/helper-client';
    const helper = createHelperClient({ socketPath: ${JSON.stringify(socketPath)}, timeoutMs: 3000 });
    const codes = [];
    for (const ask of [() => helper.endAccount(${uid}), () => helper.listCredentialFiles(), () => helper.stopHome(${uid}), () => helper.startHome(${JSON.stringify(home)})])
      codes.push(await ask().then(() => 'done', (error) => error.code));
    console.log(codes.join(' '));
  `;
  const answers = await Promise.all(
    [stranger, stranger - 1].map((caller) => {
      const options = { uid: caller, gid: caller, cwd: import.meta.dirname };
      const child = execFileAsync(process.execPath, ['--input-type=module', '--eval', script], options);
      return child.then(({ stdout }) => stdout.trim());
    }),
  );
  assert.deepEqual(answers, [
    'XOS_PERMISSION XOS_PERMISSION XOS_PERMISSION XOS_PERMISSION',
    'XOS_PERMISSION XOS_PERMISSION done XOS_NOT_SUPPORTED',
  ]);
});

test('garbage, silence and half messages are refused and hold nothing up', async () => {
  const before = await descriptorCount();
  const bodies = [
    Buffer.from('no json'),
    Buffer.from('[]'),
    Buffer.from('null'),
    Buffer.from('{"type":"exec"}'),
    Buffer.from([0x7b, 0xff, 0x7d]),
    Buffer.from('{"type":"end-account","uid":0}'),
    Buffer.from(`{"type":"publish-map"${' '.repeat(70_000)}}`),
    Buffer.from('{"a":'.repeat(10_000)),
  ];
  for (const body of bodies) {
    const code = await request(socketPath, body, { timeoutMs: 5_000 }).then(
      ({ bytes }) => (JSON.parse(bytes.toString()) as { error: { code: string } }).error.code,
      (error: NodeJS.ErrnoException) => error.code,
    );
    assert.match(String(code), /^XOS_|ECONNRESET|EPIPE/);
  }
  const raw = [
    Buffer.alloc(4),
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([9]),
    frameMessage(Buffer.alloc(9)).subarray(0, 8),
  ];
  const ends = raw.map(
    (bytes) =>
      new Promise<void>((resolve) => {
        const socket = connect(socketPath, () => socket.write(bytes));
        socket.on('error', () => undefined).on('close', () => resolve());
        socket.resume();
      }),
  );
  const silence = new Promise<void>((resolve) => {
    const socket = connect(socketPath);
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.resume();
  });
  // Meanwhile others are served.
  await helper.listCredentialFiles();
  await Promise.all([...ends, silence]);
  assert.equal(await settledDescriptorCount(before), before);
});

test('descriptors that a request should not carry are refused and closed', async () => {
  const before = await descriptorCount();
  const one = memfd('test');
  sealDescriptor(one);
  try {
    const body = Buffer.from('{"type":"list-credential-files"}');
    const { bytes } = await request(socketPath, body, { descriptors: [one] });
    assert.match(bytes.toString(), /XOS_INPUT_BAD/);
    await request(socketPath, body, { descriptors: [one, one, one] }).catch(() => undefined);
    await request(socketPath, Buffer.from('{"type":"publish-map"}')).then(({ bytes: answer }) =>
      assert.match(answer.toString(), /XOS_INPUT_BAD/),
    );
  } finally {
    closeSync(one);
  }
  assert.equal(await settledDescriptorCount(before), before);
});

test('a thousand callers at once are all answered', async () => {
  await helper.listCredentialFiles();
  const before = await descriptorCount();
  // From another process: there the connections wait for their answers, here for their turn.
  const script = `
    import { closeSync, readdirSync } from 'node:fs';
    import { createHelperClient } from '@xtreemos/helper-client';
    const helper = createHelperClient({ socketPath: ${JSON.stringify(socketPath)}, timeoutMs: 60000 });
    await Promise.all(Array.from({ length: 1000 }, (_, index) => {
      const id = ${uid} + (index % 10);
      return index % 2 === 0
        ? helper.makeHome({ uid: id, gid: id, loginName: 'u' + (index % 10) + '@vo' })
        : helper.openCredentialFile('alice').then(({ descriptor }) => closeSync(descriptor));
    }));
    console.log('answered');
  `;
  const child = execFileAsync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
  });
  assert.equal((await child).stdout, 'answered\n');
  assert.equal((await readdir(join(directory, 'home/vo'))).length, 5);
  assert.equal(await settledDescriptorCount(before), before);
});
