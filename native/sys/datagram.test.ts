import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bindDatagram, receiveDatagram, seals, sendDatagram } from './index.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'xos-datagram-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('a datagram arrives with the credentials of its sender', async () => {
  const path = join(directory, 'notify');
  const receiver = bindDatagram(path);
  sendDatagram(path, Buffer.from('READY=1\n'));
  const datagram = await receiveDatagram(receiver);
  assert.equal(datagram.bytes.toString(), 'READY=1\n');
  assert.deepEqual(datagram.descriptors, []);
  assert.deepEqual(datagram.sender, { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  closeSync(receiver);
  assert.throws(() => sendDatagram(path, Buffer.from('x')), { code: 'ECONNREFUSED', path });
});

test('a name in the abstract namespace is written with @', async () => {
  const name = `@xos-test-${process.pid}`;
  const receiver = bindDatagram(name);
  assert.throws(() => bindDatagram(name), { code: 'EADDRINUSE' });
  sendDatagram(name, Buffer.alloc(0));
  assert.equal((await receiveDatagram(receiver)).bytes.length, 0);
  closeSync(receiver);
});

test('descriptors travel in a datagram', async () => {
  const path = join(directory, 'store');
  const receiver = bindDatagram(path);
  const zero = openSync('/dev/zero', 'r');
  sendDatagram(path, Buffer.from('FDSTORE=1'), { descriptors: [zero, zero] });
  const datagram = await receiveDatagram(receiver);
  assert.equal(datagram.descriptors.length, 2);
  for (const descriptor of [...datagram.descriptors, zero, receiver]) closeSync(descriptor);
});

test('an entry that fits no datagram goes as a sealed file', async () => {
  const path = join(directory, 'journal');
  const receiver = bindDatagram(path);
  const entry = Buffer.alloc(64 << 20, 'e');
  assert.throws(() => sendDatagram(path, entry), { code: /EMSGSIZE|ENOBUFS/ });
  sendDatagram(path, entry, { memfdWhenTooLarge: true });
  const datagram = await receiveDatagram(receiver);
  assert.equal(datagram.bytes.length, 0);
  const [file] = datagram.descriptors;
  assert.ok(file !== undefined);
  assert.equal(fstatSync(file).size, entry.length);
  assert.deepEqual([...seals(file)].sort(), ['grow', 'seal', 'shrink', 'write']);
  assert.throws(() => writeSync(file, 'x'), { code: 'EPERM' });
  const start = Buffer.alloc(16);
  readSync(file, start, 0, 16, 0);
  assert.equal(start.toString(), 'e'.repeat(16));
  closeSync(file);
  closeSync(receiver);
});

test('a receiver that does not read is not waited for, or as long as asked', () => {
  const path = join(directory, 'full');
  const receiver = bindDatagram(path);
  const fill = () => {
    for (let count = 0; count < 100_000; count++) sendDatagram(path, Buffer.from('x'));
  };
  assert.throws(fill, { code: 'EAGAIN' });
  const started = performance.now();
  assert.throws(() => sendDatagram(path, Buffer.from('x'), { timeoutMs: 50 }), { code: 'EAGAIN' });
  const elapsed = performance.now() - started;
  assert.ok(elapsed >= 45 && elapsed < 2_000, `${elapsed} ms`);
  closeSync(receiver);
});

test('a datagram larger than allowed is refused whole', async () => {
  const path = join(directory, 'large');
  const receiver = bindDatagram(path);
  sendDatagram(path, Buffer.alloc(11));
  sendDatagram(path, Buffer.alloc(10));
  await assert.rejects(receiveDatagram(receiver, { maxBytes: 10 }), { code: 'EMSGSIZE' });
  assert.equal((await receiveDatagram(receiver, { maxBytes: 10 })).bytes.length, 10);
  closeSync(receiver);
});

test('waiting for a datagram ends in time', async () => {
  const receiver = bindDatagram(join(directory, 'silent'));
  await assert.rejects(receiveDatagram(receiver, { timeoutMs: 30 }), { code: 'ETIMEDOUT' });
  closeSync(receiver);
  await assert.rejects(receiveDatagram(receiver), { code: 'EBADF' });
  const file = openSync('/dev/null', 'r');
  await assert.rejects(receiveDatagram(file), { code: 'ENOTSOCK' });
  closeSync(file);
});

test('a thousand descriptors that nobody takes out leave nothing open', async () => {
  const before = readdirSync('/proc/self/fd').length;
  const path = join(directory, 'flood');
  const receiver = bindDatagram(path);
  const zero = openSync('/dev/zero', 'r');
  for (let round = 0; round < 5; round++) {
    sendDatagram(path, Buffer.alloc(10), { descriptors: new Array(250).fill(zero) });
    await assert.rejects(receiveDatagram(receiver, { maxBytes: 1 }), { code: 'EMSGSIZE' });
  }
  closeSync(zero);
  closeSync(receiver);
  // One stays: the socket that datagrams are sent from.
  assert.ok(readdirSync('/proc/self/fd').length <= before + 1);
});

test('where the system gives no more threads, a call says so and a later one succeeds', () => {
  // The limit binds ordinary users only; the module is loaded before the user changes.
  const program = `
    const { bindDatagram, receiveDatagram, sendDatagram } = await import(process.argv[1]);
    process.setgid(Number(process.argv[2])); process.setuid(Number(process.argv[2]));
    const address = '@xos-threads-' + process.pid;
    const receiver = bindDatagram(address);
    const waiting = Array.from({ length: 60 }, () => receiveDatagram(receiver, { timeoutMs: 300 }));
    const codes = new Set((await Promise.allSettled(waiting)).map((one) => one.reason.code));
    sendDatagram(address, Buffer.from('later'));
    process.stdout.write([...codes].sort().join() + ' ' + (await receiveDatagram(receiver)).bytes);`;
  const { stdout, stderr } = spawnSync(
    'bash',
    [
      '-c',
      'ulimit -u 30; exec "$0" --input-type=module -e "$@"',
      process.execPath,
      program,
      new URL('./index.ts', import.meta.url).href,
      String(1_000_000_000 + process.pid),
    ],
    { encoding: 'utf8' },
  );
  assert.equal(stdout, 'EAGAIN,ETIMEDOUT later', stderr);
});
