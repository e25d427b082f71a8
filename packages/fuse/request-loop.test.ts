import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FakeKernel, frame, text, words } from './fixtures/fake-kernel.ts';
import { createMemoryFileSystem } from './fixtures/memory-file-system.ts';
import type { EntryReply, FuseOperations, NegotiatedProtocol } from './index.ts';
import { opcode } from './protocol.ts';

const { ENOENT, ENOSYS, EIO, ENOTTY, EPROTO, ETIMEDOUT, EINTR, ENODEV, ECONNABORTED, ENAMETOOLONG } =
  constants.errno;

const directory = { mode: 0o40755 } as const;
const attributes = {
  ino: 2,
  size: 0,
  blocks: 0,
  atimeSeconds: 0,
  atimeNanoseconds: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  ctimeSeconds: 0,
  ctimeNanoseconds: 0,
  mode: directory.mode,
  nlink: 1,
  uid: 0,
  gid: 0,
  rdev: 0,
  blockBytes: 4096,
};
const entry = (node: number): EntryReply => ({
  node,
  generation: 0,
  entryTimeoutNs: 1_500_000_000,
  attributesTimeoutNs: Number.POSITIVE_INFINITY,
  attributes,
});
const minimal: FuseOperations = {
  lookup: () => -ENOENT,
  getattr: () => ({ attributes, attributesTimeoutNs: 0 }),
};

/** A lookup that stays open, and what was forgotten and released. */
function slowFileSystem(operations: Partial<FuseOperations> = {}) {
  const forgotten: [number, number][] = [];
  const released: number[] = [];
  const found = Promise.withResolvers<EntryReply>();
  const signals: AbortSignal[] = [];
  const slow: FuseOperations = {
    ...minimal,
    lookup(request) {
      signals.push(request.signal);
      return found.promise;
    },
    forget: (node, lookups) => void forgotten.push([node, lookups]),
    release: (_request, _node, { handle }) => void released.push(handle),
    releasedir: (_request, _node, { handle }) => void released.push(handle),
    ...operations,
  };
  return { slow, forgotten, released, found, signals };
}

test('init takes what both sides have, of kernels old and new', async () => {
  let agreed: NegotiatedProtocol | undefined;
  const kernel = new FakeKernel({
    operations: {
      ...minimal,
      async init(protocol) {
        agreed = protocol;
      },
    },
  });
  const reply = await kernel.initialize();
  assert.equal(reply.length, 64);
  assert.deepEqual([reply.readUInt32LE(0), reply.readUInt32LE(4)], [7, 45]);
  assert.equal(reply.readUInt32LE(20), 1 << 20, 'largest write');
  assert.equal(reply.readUInt16LE(28), 256, 'pages');
  assert.equal(agreed?.kernelMinor, 45);
  assert.equal((await kernel.loop.initialized).taken & (1n << 16n), 0n, 'no write-back cache');

  const old = new FakeKernel({ operations: minimal });
  const answer = await old.initialize(31, (1 << 28) - 1);
  assert.equal(answer.readUInt32LE(4), 31);
  assert.equal(answer.readUInt32LE(32), 0, 'no second word of flags to who sent none');
});

test('a kernel of a later major is asked to come down, one too old is refused', async () => {
  const later = new FakeKernel({ operations: minimal });
  const first = later.send(opcode.init, 0, words(8, 0, 0, 0));
  assert.equal(later.replyTo(first)?.body.readUInt32LE(0), 7);
  assert.ok((await later.initialize()).length > 0);

  const early = new FakeKernel({ operations: minimal });
  const unique = early.send(opcode.init, 0, words(7, 30, 0, 0));
  assert.equal(early.replyTo(unique)?.error, -EPROTO);
  await assert.rejects(early.loop.initialized, /Linux 5\.4/);
});

test('what is not known or not served is answered so, and forget not at all', async () => {
  const kernel = new FakeKernel({ operations: minimal });
  await kernel.initialize();
  for (const code of [0, 7, 37, 40, 48, 49, 54, 99, 4096, 0xffff_ffff, opcode.mkdir])
    assert.equal(kernel.replyTo(kernel.send(code, 1, Buffer.alloc(200)))?.error, -ENOSYS, `opcode ${code}`);
  assert.equal(kernel.replyTo(kernel.send(opcode.ioctl, 1, Buffer.alloc(32)))?.error, -ENOTTY);
  const before = kernel.replies.length;
  kernel.send(opcode.forget, 2, words(1, 0));
  kernel.send(opcode.batchForget, 0, words(1000, 0, 2, 0, 1, 0));
  kernel.send(opcode.forget, 2);
  kernel.send(opcode.interrupt, 0, words(77, 0));
  kernel.raw(Buffer.alloc(0));
  kernel.raw(Buffer.alloc(39, 1));
  kernel.raw(frame(opcode.lookup, 8, 1, text('x')).subarray(0, 41));
  assert.equal(kernel.replies.length, before);
});

test('names are 1 to 255 bytes with an end', async () => {
  const names: string[] = [];
  const kernel = new FakeKernel({
    operations: {
      ...minimal,
      lookup(_request, _parent, name) {
        names.push(name.toString('latin1'));
        return -ENOENT;
      },
    },
  });
  await kernel.initialize();
  const error = (body: Buffer) => kernel.replyTo(kernel.send(opcode.lookup, 1, body))?.error;
  assert.equal(error(text('\xff'.repeat(100))), -ENOENT);
  assert.equal(error(Buffer.concat([Buffer.alloc(255, 0xff), Buffer.alloc(1)])), -ENOENT);
  assert.equal(error(Buffer.concat([Buffer.alloc(256, 0xff), Buffer.alloc(1)])), -ENAMETOOLONG);
  assert.equal(error(Buffer.from('endless')), -EIO);
  assert.equal(error(text('')), -constants.errno.EINVAL);
  assert.deepEqual(
    names.map((name) => name.length),
    [200, 255],
  );
});

test('a lookup that takes too long is answered, told to stop, and its late result forgotten', async () => {
  const { slow, forgotten, found, signals } = slowFileSystem();
  const kernel = new FakeKernel({ operations: slow, lookupTimeoutMs: 50 });
  await kernel.initialize();
  const unique = kernel.send(opcode.lookup, 1, text('x'));
  assert.equal(kernel.replyTo(unique), undefined);
  for (let round = 0; round < 100 && kernel.replyTo(unique) === undefined; round++) await delay(10);
  assert.equal(kernel.replyTo(unique)?.error, -ETIMEDOUT);
  assert.equal(signals[0]?.aborted, true);
  found.resolve(entry(7));
  await delay(1);
  assert.deepEqual(forgotten, [[7, 1]]);
  assert.equal(kernel.replies.filter((reply) => reply.unique === unique).length, 1);
});

test('what the kernel did not take is taken back', async () => {
  const open = { handle: 5 };
  const { slow, forgotten, released, found } = slowFileSystem({
    create: () => ({ entry: entry(8), open }),
    opendir: () => open,
    readdir(_request, _node, _handle, _offset, writer) {
      writer.addLookedUp({ name: Buffer.from('x'), ino: 9, mode: 0o100644, nextOffset: 1 }, entry(9));
      writer.add({ name: Buffer.from('y'), ino: 10, mode: 0o100644, nextOffset: 2 });
    },
  });
  const kernel = new FakeKernel({ operations: slow });
  await kernel.initialize();
  kernel.refusing = -ENOENT;
  kernel.send(opcode.lookup, 1, text('x'));
  found.resolve(entry(7));
  await delay(1);
  kernel.send(opcode.create, 1, Buffer.concat([words(0, 0o644, 0, 0), text('x')]));
  kernel.send(opcode.opendir, 1, words(0, 0));
  kernel.send(opcode.readdirplus, 1, Buffer.concat([words(5, 0, 0, 0, 4096, 0, 0, 0, 0, 0)]));
  assert.deepEqual(forgotten, [
    [7, 1],
    [8, 1],
    [9, 1],
  ]);
  assert.deepEqual(released, [5, 5]);
});

test('an answer that the kernel could not take becomes EIO, and is reported', async () => {
  const reports: string[] = [];
  const kernel = new FakeKernel({
    operations: {
      ...minimal,
      read: (_request, _node, handle, _offset, size) => Buffer.alloc(handle === 1 ? size + 1 : size),
      readlink: () => {
        throw new TypeError('broken');
      },
      fsync: async () => {
        throw Object.assign(new Error('disk'), { code: 'ENOSPC' });
      },
      statfs: async () => -9999,
    },
    onError: (error, operation) => reports.push(`${operation}: ${String(error)}`),
  });
  await kernel.initialize();
  const read = (handle: number) => kernel.send(opcode.read, 1, words(handle, 0, 0, 0, 10, 0, 0, 0, 0, 0));
  assert.equal(kernel.replyTo(read(1))?.error, -EIO);
  assert.equal(kernel.replyTo(read(2))?.body.length, 10);
  assert.equal(kernel.replyTo(kernel.send(opcode.readlink, 1))?.error, -EIO);
  const fsync = kernel.send(opcode.fsync, 1, words(1, 0, 0, 0));
  const statfs = kernel.send(opcode.statfs, 1);
  await delay(1);
  assert.equal(kernel.replyTo(fsync)?.error, -constants.errno.ENOSPC);
  assert.equal(kernel.replyTo(statfs)?.error, -EIO);
  assert.deepEqual(
    reports.map((report) => report.split(':')[0]),
    ['read', 'readlink'],
  );
});

test('data of a write stays where it is until the write is done', async () => {
  const seen: Buffer[] = [];
  const go = Promise.withResolvers<void>();
  const kernel = new FakeKernel({
    operations: {
      ...minimal,
      async write(_request, _node, _handle, _offset, data) {
        await go.promise;
        seen.push(Buffer.from(data));
        return data.length;
      },
    },
  });
  await kernel.initialize();
  const body = (letter: string) =>
    Buffer.concat([words(1, 0, 0, 0, 6, 0, 0, 0, 0, 0), Buffer.from(letter.repeat(6))]);
  const uniques = ['a', 'b', 'c'].map((letter) => kernel.send(opcode.write, 2, body(letter)));
  go.resolve();
  await delay(1);
  assert.deepEqual(seen.map(String), ['aaaaaa', 'bbbbbb', 'cccccc']);
  for (const unique of uniques) assert.equal(kernel.replyTo(unique)?.body.readUInt32LE(0), 6);
});

for (const [result, how] of [
  [-ENODEV, 'unmounted'],
  [-ECONNABORTED, 'aborted'],
] as const)
  test(`the end of the mount (${how}) gives up what is open and is told once`, async () => {
    let destroyed = 0;
    const kernel = new FakeKernel({
      operations: {
        ...minimal,
        destroy: () => void destroyed++,
        lookup: (request) =>
          new Promise((resolve) =>
            request.signal.addEventListener('abort', () => setTimeout(() => resolve(-EINTR), 20)),
          ),
      },
    });
    await kernel.initialize();
    kernel.send(opcode.lookup, 1, text('x'));
    kernel.end(result);
    assert.equal(destroyed, 0, 'not before the last operation');
    assert.equal(await kernel.loop.ended, how);
    assert.equal(destroyed, 1);
    assert.equal(kernel.closed, true);
    assert.equal(kernel.loop.pending, 0);
  });

test('numbers beyond 2^53 neither alias nor crash', async () => {
  const memory = createMemoryFileSystem();
  const kernel = new FakeKernel({ operations: memory });
  await kernel.initialize();
  const most = [0xffff_ffff, 0x7fff_ffff] as const;
  assert.equal(
    kernel.replyTo(kernel.send(opcode.read, 1, words(0, 0, ...most, 10, 0, 0, 0, 0, 0)))?.error,
    0,
  );
  const write = Buffer.concat([words(0, 0, ...most, 1, 0, 0, 0, 0, 0), Buffer.from('x')]);
  assert.equal(kernel.replyTo(kernel.send(opcode.write, 1, write))?.error, -constants.errno.EFBIG);
  assert.equal(
    kernel.replyTo(kernel.send(opcode.getattr, Number.MAX_SAFE_INTEGER, words(0, 0, 0, 0)))?.error,
    -constants.errno.ESTALE,
  );
});
