import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DaemonMessage, encodeMessage, FrameReader, ModuleConnection, ProtocolError } from './index.ts';

interface Pair extends AsyncDisposable {
  readonly daemon: ModuleConnection;
  readonly module: Socket;
  /** what the module receives next */
  receive(): Promise<DaemonMessage>;
}

async function pair(): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'xos-connection-'));
  const server = createServer({ allowHalfOpen: true });
  server.listen(join(folder, 'sock'));
  await once(server, 'listening');
  const module = connect(join(folder, 'sock'));
  const [socket] = (await once(server, 'connection')) as [Socket];
  const reader = new FrameReader();
  const got: DaemonMessage[] = [];
  module.on('error', () => {});
  module.on('data', (chunk: Buffer) => got.push(...(reader.push(chunk) as DaemonMessage[])));
  return {
    daemon: new ModuleConnection(socket),
    module,
    async receive() {
      while (got.length === 0) await once(module, 'data');
      return got.shift() as DaemonMessage;
    },
    async [Symbol.asyncDispose]() {
      module.destroy();
      socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

test('requests come out in order and undefined when the module hung up', async () => {
  await using ends = await pair();
  ends.module.end(
    Buffer.concat([
      encodeMessage({ type: 'getPasswdByUid', uid: 1 }),
      encodeMessage({ type: 'getPasswdByUid', uid: 2 }),
    ]),
  );
  assert.deepEqual(await ends.daemon.next(), { type: 'getPasswdByUid', uid: 1 });
  assert.deepEqual(await ends.daemon.next(), { type: 'getPasswdByUid', uid: 2 });
  assert.equal(await ends.daemon.next(), undefined);
});

test('heartbeats run until the answer', async () => {
  await using ends = await pair();
  ends.daemon.working();
  assert.equal((await ends.receive()).type, 'working');
  assert.equal((await ends.receive()).type, 'working');
  ends.daemon.send({ type: 'result', pamCode: 0, message: '', handle: '' });
  assert.equal((await ends.receive()).type, 'result');
  ends.daemon.close();
  await once(ends.module, 'end');
});

test('garbage and messages that only a daemon sends reject and destroy the connection', async () => {
  for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), encodeMessage({ type: 'notFound' })]) {
    await using ends = await pair();
    ends.module.write(bytes);
    await assert.rejects(ends.daemon.next(), ProtocolError);
    await assert.rejects(ends.daemon.next(), ProtocolError);
    if (!ends.module.closed) await once(ends.module, 'close');
  }
});

test('a module that floods is read no further than a few messages ahead', async () => {
  await using ends = await pair();
  const flood = Buffer.concat(new Array(20_000).fill(encodeMessage({ type: 'getPasswdByUid', uid: 7 })));
  let accepted = 0;
  while (ends.module.write(flood) && accepted < 50) accepted++;
  for (let i = 0; i < 20_000; i++) assert.equal((await ends.daemon.next())?.type, 'getPasswdByUid');
});

test('sending to a module that is gone is no error', async () => {
  await using ends = await pair();
  ends.module.destroy();
  assert.equal(await ends.daemon.next(), undefined);
  ends.daemon.working();
  ends.daemon.send({ type: 'notFound' });
  ends.daemon.close();
});
