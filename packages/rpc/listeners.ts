import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { addressText, type ListenAddress, type Logger, listenAt, reasonOf } from '@xtreemos/base';
import { type ConnectionLimits, ConnectionPlaces } from './connection-places.ts';
import { descriptorLimit } from './descriptor-limit.ts';
import { PacedNotice } from './paced-notice.ts';
import { events } from './rpc-events.ts';
import { createTlsServer, type TlsIdentity, tlsContext } from './tls-transport.ts';

export interface Listeners {
  /** In the order of Listen=. */
  readonly ports: readonly number[];
  /** As people write them: `127.0.0.1:32638`, `*:32638`. */
  readonly text: string;
  /** New connections see this certificate. */
  useIdentity(identity: TlsIdentity): void;
  /** Takes no new connections. */
  close(): void;
}

/**
 * Listens at all addresses, with TLS where there is an identity, in plain text without. Whoever finds no place is reset at once.
 * `take` is to call `proven` when the connection is known to be a client's.
 * @throws XosError XOS_CONFIGURATION_BAD naming the address, whereupon nothing listens
 */
export async function openListeners(options: {
  readonly listen: readonly ListenAddress[];
  readonly limits: ConnectionLimits;
  readonly identity: TlsIdentity | undefined;
  readonly logger: Logger;
  readonly take: (socket: Socket, proven: () => void) => void;
}): Promise<Listeners> {
  const { listen, identity, logger, take } = options;
  const places = new ConnectionPlaces(withinDescriptors(options.limits, logger));
  const refused = new PacedNotice(logger, events.connectionRefused);
  const failed = new PacedNotice(logger, events.acceptFailed);
  const takeProving = (socket: Socket) => take(socket, () => places.prove(socket));
  const tls = identity === undefined ? undefined : createTlsServer(identity, takeProving);
  const servers: Server[] = [];
  const close = () => {
    for (const server of servers) server.close();
  };
  try {
    for (const address of listen) {
      const server = createServer((socket) => {
        const why = places.take(socket);
        if (why !== undefined) {
          refused.say(`Connection from ${socket.remoteAddress} refused: ${why}`);
          socket.resetAndDestroy();
        } else if (tls === undefined) takeProving(socket);
        else tls.emit('connection', socket);
      });
      await listenAt(server, address);
      // Without a descriptor for accept(2) libuv closes who waits, by one that it keeps for that; where it has lost that one it says so here.
      server.on('error', (error) => failed.say(`A connection could not be accepted: ${reasonOf(error)}`));
      servers.push(server);
    }
  } catch (error) {
    close();
    throw error;
  }
  const addresses = servers.map((server) => server.address() as AddressInfo);
  return {
    ports: addresses.map(({ port }) => port),
    text: addresses.map(addressText).join(', '),
    useIdentity: (next) => tls?.setSecureContext(tlsContext(next)),
    close,
  };
}

/** Half of the descriptors are for files, other servers and the journal, whatever the limit of connections is set to. */
function withinDescriptors(limits: ConnectionLimits, logger: Logger): ConnectionLimits {
  const most = Math.max(1, Math.floor(descriptorLimit() / 2));
  if (limits.maximumConnections <= most) return limits;
  logger.warning(
    events.fewDescriptors,
    `MaximumConnections=${limits.maximumConnections} is taken for ${most}, half of what LimitNOFILE= allows`,
    { maximumConnections: limits.maximumConnections, taken: most },
  );
  return { ...limits, maximumConnections: most };
}
