import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { FrameReader, frameStart, responseLimits } from './frame.ts';
import { serviceGetByUUIDRequestSchema } from './generated/directory_pb.js';
import { requestHeader } from './header.ts';
import { directoryCalls, objectCalls, RpcError } from './index.ts';
import { connectTo, openConnection, startServer } from './rpc-fixtures.ts';

const { globalTimeGet, serviceGetByUuid, serviceOffline } = directoryCalls;
const echoed = { name: 'abc' };

const fileCredentials = {
  xcap: {
    accessMode: 0,
    clientIdentity: 'here',
    expireTimeS: 1n,
    expireTimeoutS: 300,
    fileId: 'v:2',
    replicateOnClose: false,
    serverSignature: '',
    truncateEpoch: 0,
    snapConfig: 0,
    snapTimestamp: 0n,
  },
  xlocs: { readOnlyFileSize: 0n, replicas: [], replicaUpdatePolicy: '', version: 0 },
};

test('a call is answered, with the user it was made for', async (context) => {
  const { server, port } = await startServer(context);
  server.serve(serviceGetByUuid, ({ name }, { user, peer }) => {
    assert.deepEqual(user, { name: 'alice@physics.example', groups: ['a', 'b'] });
    assert.equal(peer, 'anyone');
    return {
      response: {
        services: [{ type: 1, uuid: name, version: 3n, name: 'n', lastUpdatedS: 5n, data: { data: [] } }],
      },
    };
  });
  const connection = await openConnection(context, port);
  const { response, data } = await connection.call(serviceGetByUuid, echoed, {
    user: { name: 'alice@physics.example', groups: ['a', 'b'] },
  });
  assert.equal(response.services[0]?.uuid, 'abc');
  assert.equal(data.length, 0);
});

test('data sections travel both ways, larger than a chunk of the socket', async (context) => {
  const { server, port } = await startServer(context);
  server.serve(objectCalls.write, (_request, { data }) => ({
    response: { sizeInBytes: BigInt(data.length) },
    data,
  }));
  const connection = await openConnection(context, port);
  const payload = Buffer.alloc(1_000_003, 'xyz');
  const objectData = { checksum: 0, invalidChecksumOnOsd: false, zeroPadding: 0 };
  const request = {
    fileCredentials,
    fileId: 'v:2',
    objectNumber: 0n,
    objectVersion: 0n,
    offset: 0,
    leaseTimeout: 0n,
    objectData,
  };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => connection.call(objectCalls.write, request, { data: payload })),
  );
  for (const { response, data } of answers) {
    assert.equal(response.sizeInBytes, 1_000_003n);
    assert.ok(payload.equals(data));
  }
});

test('answers come in any order, and only so many calls are under way at once', async (context) => {
  const { server, port } = await startServer(context);
  let most = 0;
  const others = Promise.withResolvers<void>();
  server.serve(serviceGetByUuid, async ({ name }) => {
    most = Math.max(most, connection.underWay);
    await (name === 'first' ? others.promise : sleep(1));
    return { response: { services: [] } };
  });
  const connection = await openConnection(context, port, { callsAtOnce: 4 });
  const order: string[] = [];
  const names = ['first', ...Array.from({ length: 30 }, (_, index) => `later ${index}`)];
  await Promise.all(
    names.map(async (name) => {
      await connection.call(serviceGetByUuid, { name });
      order.push(name);
      if (order.length === names.length - 1) others.resolve();
    }),
  );
  assert.equal(order.at(-1), 'first');
  assert.equal(most, 4);
});

test('a refusal carries its kind, errno and reason; what nobody foresaw carries no reason', async (context) => {
  const outcomes: string[] = [];
  const { server, port } = await startServer(context, {
    onCall: (call, outcome) => outcomes.push(`${call.name} ${outcome}`),
  });
  const refusals = {
    errno: () => new RpcError('errno', 'no such file', { errno: 2 }),
    user: () => new RpcError('user', 'not yours'),
    arguments: () => new RpcError('arguments', 'what is that'),
    internal: () => new Error('the secret of the server'),
  };
  server.serve(serviceGetByUuid, ({ name }) => {
    throw refusals[name as keyof typeof refusals]();
  });
  const connection = await openConnection(context, port);
  for (const kind of Object.keys(refusals)) {
    const error = await connection.call(serviceGetByUuid, { name: kind }).catch((caught: unknown) => caught);
    assert.ok(error instanceof RpcError);
    assert.equal(error.kind, kind);
    assert.equal(error.errno, kind === 'errno' ? 2 : 0);
    assert.doesNotMatch(error.message, /secret/);
    if (kind === 'user') assert.equal(error.message, 'not yours');
  }
  assert.deepEqual(
    outcomes,
    Object.keys(refusals).map((kind) => `dir.service_get_by_uuid ${kind}`),
  );
  const unknown = connection.call(globalTimeGet, {});
  await assert.rejects(unknown, (error) => error instanceof RpcError && error.kind === 'call');
});

test('users that are not believed are refused before the call is read', async (context) => {
  const { server, port } = await startServer(context, {
    userOf: (_peer, claimed) => {
      if (claimed.name !== 'alice') throw new RpcError('user', `nobody may speak for ${claimed.name}`);
      return { name: 'alice', groups: ['own'] };
    },
  });
  server.serve(globalTimeGet, (_request, { user }) => {
    assert.deepEqual(user.groups, ['own']);
    return { response: { timeInSeconds: 1n } };
  });
  const connection = await openConnection(context, port);
  await connection.call(globalTimeGet, {}, { user: { name: 'alice', groups: ['root'] } });
  await assert.rejects(
    connection.call(globalTimeGet, {}, { user: { name: 'root', groups: [] } }),
    /speak for root/,
  );
});

test('a call that takes too long or is cancelled ends, and the connection goes on', async (context) => {
  const { server, port } = await startServer(context);
  server.serve(serviceGetByUuid, async ({ name }) => {
    if (name === 'never') await sleep(1_500);
    return { response: { services: [] } };
  });
  const connection = await openConnection(context, port);
  const kind = (promise: Promise<unknown>) =>
    promise.then(
      () => 'answered',
      (error: unknown) => (error instanceof RpcError ? error.kind : String(error)),
    );
  assert.equal(
    await kind(connection.call(serviceGetByUuid, { name: 'never' }, { timeoutMs: 50 })),
    'timeout',
  );
  const abort = new AbortController();
  const cancelled = kind(connection.call(serviceGetByUuid, { name: 'never' }, { signal: abort.signal }));
  abort.abort();
  assert.equal(await cancelled, 'cancelled');
  assert.equal(await kind(connection.call(serviceGetByUuid, { name: 'now' })), 'answered');
  assert.equal(connection.underWay, 0);
});

test('when the peer goes, all calls under way fail, and so does every later one', async (context) => {
  const { server, port } = await startServer(context);
  server.serve(serviceOffline, () => new Promise(() => undefined));
  const connection = await openConnection(context, port);
  const calls = [1, 2].map(() => connection.call(serviceOffline, { name: 'x' }));
  const outcomes = Promise.allSettled(calls);
  await sleep(50);
  await server.drain(AbortSignal.abort());
  for (const outcome of await outcomes) assert.equal(outcome.status, 'rejected');
  await assert.rejects(
    connection.call(serviceOffline, { name: 'x' }),
    (error) => error instanceof RpcError && error.kind === 'unreachable',
  );
});

test('draining takes no time where nothing is asked, though peers ask meanwhile or leave the connection open', async (context) => {
  const { server, port } = await startServer(context);
  const asking = await openConnection(context, port);
  const lingering = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  context.after(() => lingering.destroy());
  await once(lingering, 'connect');
  while (server.connections < 2) await sleep(5);
  const begin = performance.now();
  const drained = server.drain(AbortSignal.timeout(5_000));
  await assert.rejects(
    asking.call(globalTimeGet, {}),
    (error) => error instanceof RpcError && error.kind === 'unreachable',
  );
  await drained;
  assert.ok(performance.now() - begin < 1_000, `${performance.now() - begin} ms`);
});

test('draining answers what was asked and takes no more', async (context) => {
  const { server, port } = await startServer(context);
  server.serve(globalTimeGet, async () => {
    await sleep(100);
    return { response: { timeInSeconds: 7n } };
  });
  const connection = await openConnection(context, port);
  const call = connection.call(globalTimeGet, {});
  await sleep(30);
  await server.drain(AbortSignal.timeout(5_000));
  assert.equal((await call).response.timeInSeconds, 7n);
  await once(connectionEnded(connection), 'ended');
});

test('a peer that answers nonsense ends the connection with the reason', async (context) => {
  const listener = createServer((socket) => socket.end(Buffer.alloc(64, 0xff)));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  context.after(() => listener.close());
  const connection = await openConnection(context, (listener.address() as { port: number }).port);
  await assert.rejects(connection.call(globalTimeGet, {}), /header of 4294967295 bytes/);
});

test('a server survives what strangers send: garbage, bombs, slow senders, those who never read', async (context) => {
  const { server, port } = await startServer(context, { frameTimeoutMs: 2_000, callsPerConnection: 8 });
  server.serve(serviceGetByUuid, () => ({ response: { services: [] } }));
  const header = requestHeader({ callId: 1, interfaceId: 10001, procId: 9, user: { name: 'x', groups: [] } });
  const closedBy = async (bytes: Uint8Array): Promise<boolean> => {
    const socket = await connectTo(context, port);
    socket.on('error', () => undefined); // a reset is an end as well
    const closed = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)));
    socket.resume().write(bytes);
    return await Promise.race([closed, sleep(20_000, false, { ref: false })]);
  };
  assert.equal(await closedBy(Buffer.alloc(4096, 0x41)), true, 'garbage');
  assert.equal(await closedBy(frameStart(Buffer.alloc(40, 0xff), header, 0)), true, 'a header that is none');
  assert.equal(
    await closedBy(frameStart(header, header, 5).subarray(0, 20)),
    true,
    'a frame that never ends',
  );

  // A group within a group, as deep as the message may be long: refused, and the connection is as good as before.
  const socket = await connectTo(context, port);
  const reader = new FrameReader(responseLimits);
  socket.write(frameStart(header, Buffer.alloc(200_000, 0x0b), 0));
  socket.write(
    frameStart(
      header,
      toBinary(serviceGetByUUIDRequestSchema, create(serviceGetByUUIDRequestSchema, { name: 'x' })),
      0,
    ),
  );
  let frames = 0;
  while (frames < 2) frames += reader.push((await once(socket, 'data'))[0] as Buffer).length;
  socket.destroy();

  // Who asks and never reads holds its own connection up, and nobody else.
  const greedy = connect(port, '127.0.0.1');
  await once(greedy, 'connect');
  greedy.on('error', () => undefined);
  greedy.pause();
  const many = Buffer.concat(
    Array.from({ length: 5_000 }, () => frameStart(header, Buffer.from('0a0178', 'hex'), 0)),
  );
  greedy.write(many);
  const connection = await openConnection(context, port);
  await connection.call(serviceGetByUuid, echoed);
  greedy.destroy();
});

function connectionEnded(connection: { readonly ended: unknown }): EventTarget {
  const target = new EventTarget();
  const timer = setInterval(() => {
    if (connection.ended === undefined) return;
    clearInterval(timer);
    target.dispatchEvent(new Event('ended'));
  }, 5);
  return target;
}
