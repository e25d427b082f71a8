import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  frameMessage,
  peerCredentials,
  receiveMessage,
  sendWithDescriptor,
  socketDescriptor,
} from './index.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'xos-peer-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

let number = 0;
/** Both ends of a connection: `left` as a client made it, `right` as a server that does not read got it. */
async function connection(): Promise<{ left: Socket; right: Socket; close(): Promise<void> }> {
  const path = join(directory, `${number++}`);
  const server = createServer({ pauseOnConnect: true });
  server.listen(path);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const left = new Socket().connect(path);
  const [right] = (await accepted) as [Socket];
  return {
    left,
    right,
    close: async () => {
      left.destroy();
      right.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('the credentials of a peer are those of its process', async () => {
  const { right, close } = await connection();
  assert.deepEqual(peerCredentials(socketDescriptor(right)), {
    pid: process.pid,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
  });
  await close();
});

test('a descriptor without a peer has no credentials', () => {
  const file = openSync('/dev/null', 'r');
  assert.throws(() => peerCredentials(file), { code: 'ENOTSOCK' });
  closeSync(file);
  assert.throws(() => peerCredentials(file), { code: 'EBADF' });
});

test('a socket that is gone has no descriptor', async () => {
  const { left, close } = await connection();
  left.destroy();
  await once(left, 'close');
  assert.throws(() => socketDescriptor(left), /closed or was never connected/);
  assert.throws(() => socketDescriptor(new Socket()), /closed or was never connected/);
  assert.throws(() => socketDescriptor(null as unknown as Socket), /closed or was never connected/);
  await close();
});

test('a descriptor travels with the first byte and stays open here', async () => {
  const { left, right, close } = await connection();
  const file = openSync('/dev/zero', 'r');
  const received = receiveMessage(socketDescriptor(right));
  sendWithDescriptor(socketDescriptor(left), frameMessage(Buffer.from('take it')), file);
  const message = await received;
  assert.equal(message?.bytes.toString(), 'take it');
  assert.equal(message.descriptors.length, 1);
  for (const descriptor of message.descriptors) closeSync(descriptor);
  closeSync(file);
  await close();
});

test('a peer that does not read is given up on in time', async () => {
  const { left, close } = await connection();
  const started = performance.now();
  assert.throws(() => sendWithDescriptor(socketDescriptor(left), Buffer.alloc(8 << 20), undefined, 50), {
    code: 'EAGAIN',
  });
  const elapsed = performance.now() - started;
  assert.ok(elapsed >= 45 && elapsed < 2_000, `${elapsed} ms`);
  await close();
});

test('a peer that is gone is an error, not a signal', async () => {
  const { left, right, close } = await connection();
  right.destroy();
  await once(right, 'close');
  assert.throws(() => sendWithDescriptor(socketDescriptor(left), Buffer.from('x')), { code: 'EPIPE' });
  await close();
});

test('a descriptor that is not open is not sent', async () => {
  const { left, close } = await connection();
  const open = readdirSync('/proc/self/fd').length;
  assert.throws(() => sendWithDescriptor(socketDescriptor(left), Buffer.from('x'), 1_000_000), {
    code: 'EBADF',
  });
  assert.throws(() => sendWithDescriptor(socketDescriptor(left), Buffer.alloc(0), 0), RangeError);
  assert.equal(readdirSync('/proc/self/fd').length, open);
  await close();
});
