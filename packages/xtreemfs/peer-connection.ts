import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { HostRole } from '@xtreemos/identity';
import { connectTls, Receiver, RpcConnection, type TakeMemory } from '@xtreemos/rpc';
import type { ServiceAddress } from './heartbeat.ts';
import type { HostSecurity } from './host-security.ts';

const connectTimeoutMs = 5000;

/** A connection, and what binds users to it; without TLS every user is believed. */
export interface Connected {
  readonly rpc: RpcConnection;
  readonly tls: TLSSocket | undefined;
}

/**
 * A connection to a server of the VO, which has to have the role; in plain text without security.
 * @throws RpcError, or a system error, when there is none within some seconds
 */
export async function connectServer(
  security: HostSecurity | undefined,
  role: HostRole,
  { address, port }: Pick<ServiceAddress, 'address' | 'port'>,
  options: { readonly takeMemory?: TakeMemory } = {},
): Promise<Connected> {
  const receiver = new Receiver();
  if (security !== undefined) {
    const { identity, trust, vo } = security;
    const { socket } = await connectTls({ host: address, port, identity, trust, role, vo, receiver });
    return { rpc: new RpcConnection(socket, { ...options, receiver }), tls: socket };
  }
  const socket = connectSocket({ host: address, port, onread: receiver.onread });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(connectTimeoutMs) });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return { rpc: new RpcConnection(socket, { ...options, receiver }), tls: undefined };
}

/** The same for who speaks as its own host alone. @throws as `connectServer` */
export async function connectPeer(...server: Parameters<typeof connectServer>): Promise<RpcConnection> {
  return (await connectServer(...server)).rpc;
}

/** A connection that is made when it is wanted, and anew when it has ended. */
export interface KeptConnection {
  connected(): Promise<RpcConnection>;
  close(): void;
}

export function keepConnected(connect: () => Promise<RpcConnection>): KeptConnection {
  let current: Promise<RpcConnection> | undefined;
  return {
    async connected() {
      const before = current;
      const known = await before?.catch(() => undefined);
      if (known !== undefined && known.ended === undefined) return known;
      // Another who waited may have made one meanwhile.
      const made = current === undefined || current === before ? connect() : current;
      current = made;
      return made;
    },
    close() {
      void current?.then((connection) => connection.close()).catch(() => undefined);
    },
  };
}

/** A connection to each of several servers, by their UUIDs, kept while it lives. */
export interface ServerConnections {
  /** @throws what the last address failed with, or an Error when the DIR knows none */
  connected(uuid: string): Promise<RpcConnection>;
  close(): void;
}

export function createServerConnections(options: {
  readonly addressesOf: (uuid: string) => Promise<readonly ServiceAddress[]>;
  readonly connect: (address: ServiceAddress) => Promise<RpcConnection>;
}): ServerConnections {
  const connections = new Map<string, KeptConnection>();

  async function open(uuid: string): Promise<RpcConnection> {
    let failure: unknown = new Error(`the DIR does not know where ${uuid} is`);
    for (const address of await options.addressesOf(uuid)) {
      try {
        return await options.connect(address);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  return {
    connected(uuid) {
      const kept = connections.get(uuid) ?? keepConnected(() => open(uuid));
      connections.set(uuid, kept);
      return kept.connected();
    },
    close() {
      for (const connection of connections.values()) connection.close();
    },
  };
}
