import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  guardProgram,
  mount,
  openDevice,
  readRequest,
  startIsolatedThread,
  startWatch,
  stopWatch,
  writeReply,
} from './index.ts';

const threads = (): number => readdirSync('/proc/self/task').length;
const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('a device that is not mounted answers with errnos', () => {
  const device = openDevice();
  assert.equal(readRequest(device, Buffer.alloc(1 << 20)), -1, 'EPERM');
  assert.equal(writeReply(device, Buffer.alloc(16), 16, null), -1);
  assert.equal(writeReply(device, Buffer.alloc(16), 16, [Buffer.alloc(1), Buffer.alloc(2)]), -1);
  assert.throws(() => writeReply(device, Buffer.alloc(15), 16, null), RangeError);
  assert.throws(() => startIsolatedThread(device), { code: /EINVAL|EPERM/, syscall: 'ioctl' });
  closeSync(device);
  assert.equal(readRequest(device, Buffer.alloc(1 << 20)), -9, 'EBADF');
});

test('bytes that a getter takes away while a reply is put together are not touched', () => {
  const stolen = new Uint8Array(1 << 20);
  const data = Object.defineProperty([stolen, stolen], '1', {
    get() {
      structuredClone(stolen, { transfer: [stolen.buffer] });
      return new Uint8Array(1);
    },
  });
  assert.equal(writeReply(1_000_000, new Uint8Array(16), 16, data), -9);
  assert.equal(stolen.length, 0);
});

test('mount says what the kernel has against it', async () => {
  await assert.rejects(mount('none', '/', 'fuse.xos', 0, 'fd=0'), {
    code: /EINVAL|EPERM/,
    syscall: 'mount',
    path: '/',
  });
  await assert.rejects(
    mount('none', '/xos-no-such', 'fuse.xos', 0, 'fd=0,rootmode=40000,user_id=0,group_id=0'),
    { code: 'ENOENT' },
  );
});

test('an isolated thread has its calls done one after the other, and leaves nothing', async () => {
  const before = { threads: threads(), descriptors: descriptors() };
  const thread = startIsolatedThread();
  const results = await Promise.all([
    thread.unmount('/xos-no-such', 0),
    thread.write(Buffer.alloc(16), Buffer.alloc(4)),
    thread.unmount('/proc/self', 8),
  ]);
  assert.deepEqual(results, [-2, -9, -22]);
  const unheard = thread.unmount('/xos-no-such', 0);
  thread.end();
  assert.equal(await unheard, -125, 'ECANCELED');
  for (let round = 0; round < 100 && threads() > before.threads; round++) await delay(10);
  assert.deepEqual({ threads: threads(), descriptors: descriptors() }, before);
});

test('the thread holds no descriptor of the process', async () => {
  const held = openSync('/dev/zero', 'r');
  const known = new Set(readdirSync('/proc/self/task'));
  const thread = startIsolatedThread();
  const [task] = readdirSync('/proc/self/task').filter((id) => !known.has(id));
  const open = readdirSync(`/proc/self/task/${task}/fd`).map((id) =>
    readlinkSync(`/proc/self/task/${task}/fd/${id}`),
  );
  assert.deepEqual(open, ['anon_inode:[eventfd]']);
  thread.end();
  closeSync(held);
});

test('a watch calls while there is something to read, once for each descriptor', async () => {
  const reader = openSync('/dev/fuse', 'r');
  // Not mounted: an error, which is readable.
  const called = Promise.withResolvers<void>();
  startWatch(reader, () => {
    stopWatch(reader);
    stopWatch(reader);
    called.resolve();
  });
  assert.throws(() => startWatch(reader, () => undefined), { code: 'EEXIST' });
  await called.promise;
  closeSync(reader);
  assert.throws(() => startWatch(1_000_000, () => undefined), { code: 'EBADF' });
  const file = openSync(import.meta.filename, 'r');
  assert.throws(() => startWatch(file, () => undefined), { code: 'EPERM' });
  closeSync(file);
});

test('a worker that is stopped takes its watches and threads with it', async () => {
  const before = threads();
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(
      `const { startIsolatedThread } = await import(${JSON.stringify(import.meta.resolve('./index.ts'))});
       const thread = startIsolatedThread();
       await thread.unmount('/xos-no-such', 0);
       (await import('node:worker_threads')).parentPort.postMessage('ready');`,
      { eval: true, execArgv: ['--input-type=module'] },
    );
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
  }
  for (let round = 0; round < 100 && threads() > before; round++) await delay(10);
  assert.equal(threads(), before);
});

test('the guard writes to its descriptor when its input ends, and not when it is released', () => {
  const script = (input: string) => `exec 3>"$1"; ${input} | "$0"; cat "$1"`;
  const run = (input: string) => {
    const file = execFileSync('mktemp', ['-t', 'xos-guard-XXXXXX'], { encoding: 'utf8' }).trim();
    try {
      return execFileSync('sh', ['-c', script(input), guardProgram, file], { encoding: 'utf8' });
    } finally {
      execFileSync('rm', [file]);
    }
  };
  assert.equal(run('true'), '1');
  assert.equal(run('printf x'), '');
});
