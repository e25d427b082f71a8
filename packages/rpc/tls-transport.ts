import { constants } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { reasonOf } from '@xtreemos/base';
import type { HostRole } from '@xtreemos/identity';
import type { Receiver } from './connection.ts';
import { type HostPeer, hostPeerOf, type PeerTrust } from './host-peer.ts';
import { RpcError } from './rpc-error.ts';

/** What this host shows of itself. */
export interface TlsIdentity {
  readonly keyPem: string;
  /** The certificate first, then what stands above it. */
  readonly chainPem: string;
}

const options = {
  minVersion: 'TLSv1.3',
  // Our own validator judges: OpenSSL knows neither VO nor role nor signing policy.
  rejectUnauthorized: false,
  // A resumed connection would not be judged again, and a certificate may have been revoked meanwhile.
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const;

const handshakeTimeoutMs = 10_000;

/** Settings of TLS for either side of a connection. */
export function tlsContext({ keyPem, chainPem }: TlsIdentity) {
  return { ...options, key: keyPem, cert: chainPem };
}

/**
 * A server of TLS 1.3 that asks its peers for certificates; `take` gets every connection whose handshake is done, the peer not yet
 * judged. A client that speaks plain text, or nothing, is cut off.
 */
export function createTlsServer(identity: TlsIdentity, take: (socket: TLSSocket) => void): Server {
  const server = createServer(
    { ...tlsContext(identity), requestCert: true, handshakeTimeout: handshakeTimeoutMs },
    take,
  );
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

export interface TlsTarget {
  readonly host: string;
  readonly port: number;
  readonly identity: TlsIdentity;
  readonly trust: PeerTrust;
  /** What the server has to be. */
  readonly role: HostRole;
  /** The VO it has to be of. */
  readonly vo: string;
  readonly signal?: AbortSignal;
  /** Gets what comes, instead of the socket's readers. */
  readonly receiver?: Receiver;
}

/**
 * Connects, and judges the server: its role and VO, and its name where `host` is one. An address names nobody; who dials one
 * has it from the DIR, which says of whom it is.
 * @throws RpcError 'unreachable', or 'user' when the server is not who it has to be
 */
export async function connectTls(
  target: TlsTarget,
): Promise<{ readonly socket: TLSSocket; readonly peer: HostPeer }> {
  const { host, port, identity, trust, role, vo, signal, receiver } = target;
  const name = isIP(host) === 0 ? host : undefined;
  const socket = connect({
    ...tlsContext(identity),
    host,
    port,
    ...(name === undefined ? {} : { servername: name }),
    ...(receiver === undefined ? {} : { onread: receiver.onread }),
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () =>
    reject(new RpcError('cancelled', 'connecting was cancelled', { cause: signal?.reason }));
  const timer = setTimeout(
    () => reject(new RpcError('unreachable', `${host}:${port} did not finish the handshake in time`)),
    handshakeTimeoutMs,
  );
  socket.once('secureConnect', resolve);
  socket.on('error', (cause) =>
    reject(new RpcError('unreachable', `${host}:${port}: ${cause.message}`, { cause })),
  );
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    await promise;
    return { socket, peer: judged(socket, trust, { role, vo, name }) };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

function judged(
  socket: TLSSocket,
  trust: PeerTrust,
  wanted: { readonly role: HostRole; readonly vo: string; readonly name: string | undefined },
): HostPeer {
  let peer: HostPeer;
  try {
    peer = hostPeerOf(socket, trust, [wanted.role]);
  } catch (cause) {
    throw new RpcError('user', `the server is refused: ${reasonOf(cause)}`, { cause });
  }
  if (peer.vo !== wanted.vo)
    throw new RpcError('user', `the server is of VO ${peer.vo}, not of ${wanted.vo}`);
  if (wanted.name !== undefined && peer.hostname !== wanted.name.toLowerCase())
    throw new RpcError('user', `the server is ${peer.hostname}, not ${wanted.name}`);
  return peer;
}
