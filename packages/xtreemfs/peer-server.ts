import type { TLSSocket } from 'node:tls';
import type { Clock, Logger } from '@xtreemos/base';
import type { HostRole } from '@xtreemos/identity';
import {
  type BoundPeer,
  boundPeer,
  boundUserOf,
  type CallUser,
  hostPeerOf,
  RpcError,
  RpcServer,
  type RpcServerOptions,
  type ServerPeer,
  serveBinding,
  type TakeMemory,
} from '@xtreemos/rpc';
import type { HostSecurity } from './host-security.ts';

export interface PeerServerOptions {
  /** Undefined: plain text, every caller believed. */
  readonly security: HostSecurity | undefined;
  /** Hosts of the VO in these roles are admitted. */
  readonly roles: readonly HostRole[];
  readonly logger: Logger;
  readonly clock: Clock;
  /** Users that the host may name without a session of theirs, as they are claimed; default: none. */
  readonly believes?: (peer: BoundPeer, claimed: CallUser) => boolean;
  readonly onCall: NonNullable<RpcServerOptions<ServerPeer>['onCall']>;
  readonly takeMemory?: TakeMemory;
}

/** A server that admits hosts of its VO, and makes calls for the users whose sessions are bound to the connection. */
export function createPeerServer(options: PeerServerOptions): RpcServer<ServerPeer> {
  const { security, roles, logger, clock, believes, onCall, takeMemory } = options;
  const server = new RpcServer<ServerPeer>({
    logger,
    onCall,
    ...(takeMemory === undefined ? {} : { takeMemory }),
    admit: (socket) => {
      if (security === undefined) return { kind: 'plain' };
      const peer = hostPeerOf(socket as TLSSocket, security.trust, roles);
      if (peer.vo !== security.vo)
        throw new RpcError('user', `${peer.hostname} is of VO ${peer.vo}, not of ${security.vo}`);
      return boundPeer(peer, socket as TLSSocket);
    },
    userOf: (peer, claimed) =>
      peer.kind === 'host' && believes?.(peer, claimed) === true
        ? claimed
        : boundUserOf(peer, claimed, clock.nowMs()),
  });
  if (security !== undefined) serveBinding(server, security.trust);
  return server;
}
