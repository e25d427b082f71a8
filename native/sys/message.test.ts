import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { frameMessage, receiveMessage, request, sendWithDescriptor, socketDescriptor } from './index.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'xos-message-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

let number = 0;
async function serve(
  serveOne: (socket: Socket) => void | Promise<void>,
): Promise<{ path: string; server: Server; close(): Promise<void> }> {
  const path = join(directory, `${number++}`);
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    Promise.resolve(serveOne(socket)).catch((error: unknown) => failures.push(error));
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    server,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      assert.deepEqual(failures, []);
    },
  };
}

/** Answers every request with these bytes as they are, and closes. */
function serveBytes(bytes: Uint8Array) {
  return serve(async (socket) => {
    await receiveMessage(socketDescriptor(socket));
    socket.end(bytes);
  });
}

/** What is open, apart from what Node itself opens lazily. */
function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

async function settledDescriptors(expected: number): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (openDescriptors() !== expected && performance.now() < deadline) await new Promise(setImmediate);
  assert.equal(openDescriptors(), expected, 'descriptors leaked');
}

test('a request gets its reply', async () => {
  const { path, close } = await serve(async (socket) => {
    const message = await receiveMessage(socketDescriptor(socket));
    assert.ok(message);
    socket.end(frameMessage(Buffer.concat([message.bytes, Buffer.from('!')])));
  });
  for (const size of [0, 1, 4095, 65_536, 1_000_000]) {
    const question = Buffer.alloc(size, 'q');
    const reply = await request(path, question);
    assert.equal(reply.bytes.length, size + 1);
    assert.ok(reply.bytes.subarray(0, size).equals(question));
    assert.deepEqual(reply.descriptors, []);
  }
  await close();
});

test('descriptors travel both ways and belong to the receiver', async () => {
  const before = openDescriptors();
  const { path, close } = await serve(async (socket) => {
    const message = await receiveMessage(socketDescriptor(socket));
    assert.equal(message?.descriptors.length, 2);
    const byte = Buffer.alloc(8, 0xff);
    readSync(message.descriptors[1] ?? -1, byte);
    assert.deepEqual(byte, Buffer.alloc(8));
    for (const descriptor of message.descriptors) closeSync(descriptor);
    const version = openSync('/proc/version', 'r');
    sendWithDescriptor(socketDescriptor(socket), frameMessage(Buffer.from('here')), version);
    closeSync(version);
    socket.end();
  });
  const zero = openSync('/dev/zero', 'r');
  const reply = await request(path, Buffer.from('both'), { descriptors: [zero, zero] });
  assert.equal(reply.bytes.toString(), 'here');
  const [received] = reply.descriptors;
  assert.ok(received !== undefined);
  assert.match(readFileSync(received, 'utf8'), /^Linux/);
  assert.match(readFileSync(`/proc/self/fdinfo/${received}`, 'utf8'), /flags:\s*0?2\d{6}\n/, 'close-on-exec');
  closeSync(received);
  closeSync(zero);
  await close();
  await settledDescriptors(before);
});

test('a reply that lies about its length is refused', async () => {
  const short = await serveBytes(Buffer.from([10, 0, 0, 0, 1, 2, 3]));
  await assert.rejects(request(short.path, Buffer.from('?')), {
    code: 'ECONNRESET',
    message: /after 3 of 10 bytes/,
  });
  const long = await serveBytes(Buffer.from([2, 0, 0, 0, 1, 2, 3]));
  await assert.rejects(request(long.path, Buffer.from('?')), {
    code: 'EPROTO',
    message: /longer than it said/,
  });
  const huge = await serveBytes(Buffer.from([0xff, 0xff, 0xff, 0xff, 1]));
  await assert.rejects(request(huge.path, Buffer.from('?')), {
    code: 'EMSGSIZE',
    message: /4294967295 bytes/,
  });
  const half = await serveBytes(Buffer.from([2, 0]));
  await assert.rejects(request(half.path, Buffer.from('?')), { code: 'ECONNRESET' });
  const none = await serveBytes(Buffer.alloc(0));
  await assert.rejects(request(none.path, Buffer.from('?')), {
    code: 'ECONNRESET',
    message: /without a reply/,
  });
  for (const one of [short, long, huge, half, none]) await one.close();
});

test('a reply larger than asked for is refused, one as large is not', async () => {
  const { path, close } = await serveBytes(frameMessage(Buffer.alloc(1000)));
  await assert.rejects(request(path, Buffer.from('?'), { maxReplyBytes: 999 }), { code: 'EMSGSIZE' });
  assert.equal((await request(path, Buffer.from('?'), { maxReplyBytes: 1000 })).bytes.length, 1000);
  await close();
});

test('descriptors of a refused reply are closed', async () => {
  const before = openDescriptors();
  const zero = openSync('/dev/zero', 'r');
  const { path, close } = await serve(async (socket) => {
    await receiveMessage(socketDescriptor(socket));
    // Claims five bytes, sends one.
    sendWithDescriptor(socketDescriptor(socket), Buffer.from([5, 0, 0, 0, 1]), zero);
    socket.end();
  });
  for (let round = 0; round < 50; round++)
    await assert.rejects(request(path, Buffer.from('?')), { code: 'ECONNRESET' });
  await close();
  closeSync(zero);
  await settledDescriptors(before);
});

test('a thousand descriptors that nobody asked for are closed', async () => {
  const before = openDescriptors();
  const zero = openSync('/dev/zero', 'r');
  const received = await serve(async (socket) => {
    await assert.rejects(receiveMessage(socketDescriptor(socket), { maxDescriptors: 16 }), {
      code: 'EPROTO',
    });
    socket.destroy();
  });
  for (let round = 0; round < 4; round++)
    await assert.rejects(
      request(received.path, Buffer.alloc(10), { descriptors: new Array(250).fill(zero) }),
      /EPIPE|ECONNRESET/,
    );
  await received.close();
  closeSync(zero);
  await settledDescriptors(before);
});

test('descriptors spread over a message one by one are counted together', async () => {
  const before = openDescriptors();
  const zero = openSync('/dev/zero', 'r');
  const { path, close } = await serve(async (socket) => {
    await receiveMessage(socketDescriptor(socket));
    const bytes = frameMessage(Buffer.alloc(100));
    // A peer that was refused in the middle closes.
    try {
      for (const byte of bytes) sendWithDescriptor(socketDescriptor(socket), Buffer.from([byte]), zero);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EPIPE');
    }
    socket.end();
  });
  await assert.rejects(request(path, Buffer.from('?'), { maxDescriptors: 103 }), { code: 'EPROTO' });
  const reply = await request(path, Buffer.from('?'), { maxDescriptors: 104 });
  assert.equal(reply.descriptors.length, 104);
  for (const descriptor of reply.descriptors) closeSync(descriptor);
  await close();
  closeSync(zero);
  await settledDescriptors(before);
});

test('the whole exchange has one deadline', async () => {
  const silent = await serve(() => undefined);
  const started = performance.now();
  await assert.rejects(request(silent.path, Buffer.from('?'), { timeoutMs: 80 }), { code: 'ETIMEDOUT' });
  // A byte now and then does not extend it.
  const dripping = await serve((socket) => {
    const timer = setInterval(() => socket.write(Buffer.from([0])), 10);
    socket.on('close', () => clearInterval(timer));
    socket.write(Buffer.from([0, 1, 0, 0]));
  });
  await assert.rejects(request(dripping.path, Buffer.from('?'), { timeoutMs: 80 }), { code: 'ETIMEDOUT' });
  // Nor does a server that never reads a large request.
  await assert.rejects(request(silent.path, Buffer.alloc(16 << 20), { timeoutMs: 80 }), {
    code: 'ETIMEDOUT',
  });
  const elapsed = performance.now() - started;
  assert.ok(elapsed >= 235 && elapsed < 5_000, `${elapsed} ms`);
  await silent.close();
  await dripping.close();
});

test('a server whose queue of connections is full is waited for within the deadline', async () => {
  const path = join(directory, `${number++}`);
  // A listening socket of a process that never accepts.
  const server = createServer();
  server.listen({ path, backlog: 1 });
  await once(server, 'listening');
  const blocked = Array.from({ length: 8 }, () => request(path, Buffer.from('?'), { timeoutMs: 60 }));
  // The loop is kept from accepting while the threads try.
  const until = performance.now() + 150;
  while (performance.now() < until);
  const results = await Promise.allSettled(blocked);
  for (const result of results) {
    assert.equal(result.status, 'rejected');
    assert.equal((result as PromiseRejectedResult).reason.code, 'ETIMEDOUT');
  }
  server.close();
});

test('a server that is not there is named', async () => {
  const path = join(directory, 'nobody');
  await assert.rejects(request(path, Buffer.from('?')), { code: 'ENOENT', syscall: 'connect', path });
  await assert.rejects(request('@xos-nobody-listens', Buffer.from('?')), { code: 'ECONNREFUSED' });
  await assert.rejects(request(`/${'x'.repeat(107)}`, Buffer.from('?')), { code: 'ENAMETOOLONG' });
  await assert.rejects(request('', Buffer.from('?')), RangeError);
});

test('thousands of requests that fail at once', async () => {
  const before = openDescriptors();
  const attempts = Array.from({ length: 3_000 }, () => request('@xos-nobody-listens', Buffer.from('?')));
  for (const attempt of await Promise.allSettled(attempts))
    assert.equal((attempt as PromiseRejectedResult).reason.code, 'ECONNREFUSED');
  await settledDescriptors(before);
});

test('many requests wait for their turn instead of stopping the file system', async () => {
  const waiting: Socket[] = [];
  const { path, close } = await serve(async (socket) => {
    waiting.push(socket);
    if (waiting.length === 64) for (const one of waiting) one.end(frameMessage(Buffer.from('late')));
    if (waiting.length > 64) socket.end(frameMessage(Buffer.from('late')));
  });
  const replies = Array.from({ length: 200 }, () => request(path, Buffer.from('?')));
  // libuv's pool is free meanwhile.
  assert.ok((await import('node:fs/promises').then((fs) => fs.stat(directory))).isDirectory());
  for (const reply of await Promise.all(replies)) assert.equal(reply.bytes.toString(), 'late');
  await close();
});

test('a connection closed without a word is null', async () => {
  const outcome = Promise.withResolvers<unknown>();
  const { path, close } = await serve((socket) => {
    outcome.resolve(receiveMessage(socketDescriptor(socket)));
  });
  const { connect } = await import('node:net');
  connect(path).end();
  assert.equal(await outcome.promise, null);
  await close();
});

test('the socket may close while a message is waited for', async () => {
  const outcome = Promise.withResolvers<unknown>();
  const { path, close } = await serve((socket) => {
    outcome.resolve(
      receiveMessage(socketDescriptor(socket), { timeoutMs: 300 }).catch((error) => error.code),
    );
    socket.destroy();
  });
  await assert.rejects(request(path, Buffer.from('?'), { timeoutMs: 200 }), /ETIMEDOUT|ECONNRESET|EPIPE/);
  // The duplicate keeps the connection: the request arrives.
  assert.equal(((await outcome.promise) as { bytes: Buffer }).bytes.toString(), '?');
  await close();
});

test('bytes may be reused at once', async () => {
  const { path, close } = await serve(async (socket) => {
    const message = await receiveMessage(socketDescriptor(socket));
    socket.end(frameMessage(message?.bytes ?? Buffer.alloc(0)));
  });
  const bytes = Buffer.alloc(100_000, 'a');
  const reply = request(path, bytes);
  bytes.fill('b');
  assert.ok((await reply).bytes.equals(Buffer.alloc(100_000, 'a')));
  await close();
});

test('a worker stopped in the middle of requests leaves nothing', async () => {
  const before = openDescriptors();
  const { path, close } = await serve(() => undefined);
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       import(workerData.module).then(({ request }) => {
         for (let i = 0; i < 80; i++) request(workerData.path, Buffer.from('?'), { timeoutMs: 60000 }).catch(() => {});
         parentPort.postMessage('started');
       });`,
      { eval: true, workerData: { path, module: new URL('./index.ts', import.meta.url).href } },
    );
    await once(worker, 'message');
    const started = performance.now();
    await worker.terminate();
    assert.ok(performance.now() - started < 5_000, 'the worker stopped without waiting for its requests');
  }
  await close();
  await settledDescriptors(before);
});
