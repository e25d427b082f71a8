import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { silentLogger } from '@xtreemos/base';
import { type ConnectionOptions, RpcConnection } from './connection.ts';
import { RpcServer, type RpcServerOptions } from './server.ts';

/** A server in plain text on loopback, for tests: every connection is admitted, every user believed. */
export async function startServer(
  context: TestContext,
  options: Partial<RpcServerOptions<string>> = {},
): Promise<{ readonly server: RpcServer<string>; readonly port: number }> {
  const server = new RpcServer<string>({
    logger: silentLogger,
    admit: () => 'anyone',
    userOf: (_peer, claimed) => claimed,
    ...options,
  });
  const listener = createServer((socket) => void server.take(socket));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  context.after(async () => {
    listener.close();
    await server.drain(AbortSignal.abort());
  });
  return { server, port: (listener.address() as AddressInfo).port };
}

export async function connectTo(context: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  context.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

export async function openConnection(
  context: TestContext,
  port: number,
  options: ConnectionOptions = {},
): Promise<RpcConnection> {
  const connection = new RpcConnection(await connectTo(context, port), options);
  context.after(() => connection.close());
  return connection;
}
