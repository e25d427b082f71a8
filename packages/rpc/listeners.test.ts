import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { createLogger, silentLogger } from '@xtreemos/base';
import { hostGuid } from '../identity/fixtures/domain.ts';
import { identityOf } from '../xtreemfs/joined-host-fixture.ts';
import { openListeners } from './listeners.ts';
import { connectTo, startServer } from './rpc-fixtures.ts';

test('without a descriptor for accept(2) the process neither ends nor spins, and serves again when there are some', async (context) => {
  const program = join(import.meta.dirname, 'starved-listener.ts');
  const child = spawn('prlimit', ['--nofile=100:100', process.execPath, program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  context.after(() => child.disconnect());
  const ask = async (order: string) => {
    const answer = once(child, 'message');
    child.send(order);
    return ((await answer) as [{ readonly lines: readonly string[]; readonly cpuMs: number }])[0];
  };
  const [{ port, lines }] = (await once(child, 'message')) as [{ port: number; lines: readonly string[] }];
  assert.match(
    lines.join('\n'),
    /MaximumConnections=10000 is taken for 50, half of what LimitNOFILE= allows/,
  );

  const waiting = Array.from({ length: 200 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  context.after(() => {
    for (const socket of waiting) socket.destroy();
  });
  await sleep(1000);
  const before = (await ask('look')).cpuMs;
  await sleep(2000);
  const after = await ask('look');
  assert.ok(after.cpuMs - before < 1000, `${after.cpuMs - before} ms of 2000`);
  assert.ok(after.lines.length < 20, after.lines.join('\n'));

  for (const socket of waiting) socket.destroy();
  await ask('feed');
  const socket = connect(port, '127.0.0.1');
  context.after(() => socket.destroy());
  socket.write('served');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.equal(answer.toString(), 'served');
});

test('a connection ends when no frame of it is whole in time, whether it is silent or sends a byte now and then', async (context) => {
  const { server, port } = await startServer(context, { frameTimeoutMs: 500 });
  const silent = await connectTo(context, port);
  const dripping = await connectTo(context, port);
  dripping.on('error', () => undefined);
  const timer = setInterval(() => dripping.write('\0'), 100);
  context.after(() => clearInterval(timer));
  // A reset is an end as well.
  const ends = [silent, dripping].map(
    (socket) => new Promise<void>((resolve) => socket.resume().once('close', () => resolve())),
  );
  await Promise.all(ends);
  while (server.connections > 0) await sleep(5);
});

test('an address that has all its connections is refused the next, and the journal told in a few lines', async (context) => {
  const lines: string[] = [];
  const taken = new Set<Socket>();
  const listeners = await openListeners({
    listen: [{ address: '127.0.0.1', port: 0 }],
    limits: { maximumConnections: 100, maximumConnectionsPerAddress: 10 },
    identity: undefined,
    logger: createLogger({ transport: ({ message }) => void lines.push(message) }),
    take: (socket) => void taken.add(socket.on('error', () => undefined)),
  });
  const [port = 0] = listeners.ports;
  context.after(() => {
    listeners.close();
    for (const socket of taken) socket.destroy();
  });
  const reach = async (localAddress: string) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress }).resume();
    socket.on('error', () => undefined);
    return await new Promise<string>((resolve) => {
      socket.once('close', () => resolve('refused'));
      socket.once('connect', () => socket.write('x'));
      setTimeout(() => resolve('waits'), 20_000).unref();
    });
  };
  const first = Array.from({ length: 10 }, () => reach('127.0.0.2'));
  while (taken.size < 10) await sleep(5);
  const next = await Promise.all(Array.from({ length: 40 }, () => reach('127.0.0.2')));
  assert.deepEqual(new Set(next), new Set(['refused']));
  assert.equal(lines.length, 5);
  assert.match(lines[0] ?? '', /from 127.0.0.2 refused: .*MaximumConnectionsPerAddress=/);
  const other = reach('127.0.0.3');
  while (taken.size < 11) await sleep(5);
  for (const socket of taken) socket.destroy();
  await Promise.all([...first, other]);
});

test('who has proven himself over TLS keeps his place when all are taken', async (context) => {
  const sockets: Socket[] = [];
  const listeners = await openListeners({
    listen: [{ address: '127.0.0.1', port: 0 }],
    limits: { maximumConnections: 1, maximumConnectionsPerAddress: 10 },
    identity: identityOf('dir', hostGuid),
    logger: silentLogger,
    take(socket, proven) {
      sockets.push(socket.on('error', () => undefined));
      socket.on('data', (data) => {
        proven();
        socket.write(data);
      });
    },
  });
  const [port = 0] = listeners.ports;
  context.after(() => {
    listeners.close();
    for (const socket of sockets) socket.destroy();
  });
  const dial = () =>
    connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }).on('error', () => undefined);
  const silent = dial();
  const silentEnded = new Promise<void>((resolve) => silent.once('close', () => resolve()));
  await once(silent, 'secureConnect');
  const client = dial();
  await once(client, 'secureConnect');
  await silentEnded;
  client.write('x');
  await once(client, 'data');
  const late = dial();
  await new Promise<void>((resolve) => late.once('close', () => resolve()));
  client.write('y');
  await once(client, 'data');
});
