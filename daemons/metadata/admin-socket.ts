import { createServer, type Socket } from 'node:net';
import type { Logger, ServiceSockets } from '@xtreemos/base';
import { peerCredentials, socketDescriptor } from '@xtreemos/native-sys';
import { nobody, RpcServer, type RpcServerOptions } from '@xtreemos/rpc';

/** Who is at the other end of the admin socket. */
export interface LocalPeer {
  readonly uid: number;
}

/** A server on a Unix socket, for calls of this host's own administrator. */
export async function openAdminSocket(options: {
  readonly path: string;
  readonly sockets: Pick<ServiceSockets, 'listenUnix'>;
  readonly logger: Logger;
  readonly onCall: NonNullable<RpcServerOptions<LocalPeer>['onCall']>;
  readonly serve: (server: RpcServer<LocalPeer>) => void;
}): Promise<{ close(deadline: AbortSignal): Promise<void> }> {
  const { path, sockets, logger, onCall, serve } = options;
  const rpc = new RpcServer<LocalPeer>({
    logger,
    onCall,
    admit: (socket: Socket) => peerCredentials(socketDescriptor(socket)),
    userOf: () => nobody,
  });
  serve(rpc);
  const server = createServer((socket) => void rpc.take(socket));
  await sockets.listenUnix(server, { name: 'admin', path, mode: 0o600 });
  return {
    async close(deadline) {
      server.close();
      await rpc.drain(deadline);
    },
  };
}

/** SO_PEERCRED: whatever the mode of the socket file came to be, only root, and who runs the server, administers. */
export function isLocalAdministrator({ uid }: LocalPeer): boolean {
  return uid === 0 || uid === process.getuid?.();
}
