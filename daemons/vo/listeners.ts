import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type ListenAddress, listenAt, type ServiceSockets } from '@xtreemos/base';
import { peerCredentials, socketDescriptor } from '@xtreemos/native-sys';
import type { ServiceCertificate } from './service-certificate.ts';

/** Time for a client to bring its whole request: slow ones must not hold sockets. */
const requestTimeoutMs = 30_000;
const headersTimeoutMs = 10_000;
/** Longer than the pauses of a client that issues in series. */
const keepAliveTimeoutMs = 75_000;

export interface Listeners {
  /** Where TLS is served, in the order of Listen=. */
  readonly addresses: readonly AddressInfo[];
  /** New connections see this certificate. */
  useCertificate(certificate: ServiceCertificate): void;
  /** Takes no new connections, lets requests finish, ends event streams and, at the deadline, whatever is left. */
  close(deadline: AbortSignal): Promise<void>;
}

const administrators = new WeakSet<Socket>();

/** True for a connection to the admin socket by uid 0. */
export function isAdministrator(socket: Socket): boolean {
  return administrators.has(socket);
}

/** The HTTPS servers and the local administrator's socket. */
export async function openListeners(wanted: {
  readonly handle: RequestListener;
  readonly certificate: ServiceCertificate;
  readonly listen: readonly ListenAddress[];
  readonly adminSocket: string;
  readonly sockets: Pick<ServiceSockets, 'listenUnix'>;
}): Promise<Listeners> {
  const { handle, certificate } = wanted;
  const addresses = wanted.listen.map((address) => ({
    address,
    server: makeHttpsServer(certificate, handle),
  }));
  const secure = addresses.map(({ server }) => server);
  const admin = createHttpServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: headersTimeoutMs },
    handle,
  );
  admin.on('connection', (socket) => {
    // SO_PEERCRED: whatever the mode of the socket file came to be, only root administers.
    if (peerCredentials(socketDescriptor(socket)).uid === 0) administrators.add(socket);
  });
  const servers: readonly (HttpServer | HttpsServer)[] = [...secure, admin];
  try {
    for (const { server, address } of addresses) await listenAt(server, address);
    await wanted.sockets.listenUnix(admin, { name: 'admin', path: wanted.adminSocket, mode: 0o600 });
  } catch (error) {
    for (const server of servers) if (server.listening) server.close();
    throw error;
  }
  return {
    addresses: secure.map((server) => server.address() as AddressInfo),
    useCertificate: ({ keyPem, chainPem }) => {
      for (const server of secure) server.setSecureContext({ ...tlsOptions, key: keyPem, cert: chainPem });
    },
    close: async (deadline) => {
      const closed = Promise.all(servers.map((server) => closeServer(server)));
      const force = () => {
        for (const server of servers) server.closeAllConnections();
      };
      if (deadline.aborted) force();
      deadline.addEventListener('abort', force, { once: true });
      await closed;
      deadline.removeEventListener('abort', force);
    },
  };
}

const tlsOptions = {
  minVersion: 'TLSv1.3',
  requestCert: true,
  // validatePath judges client certificates: Node's TLS knows no VO, no role and no record of revocation.
  rejectUnauthorized: false,
} as const;

function makeHttpsServer(certificate: ServiceCertificate, handle: RequestListener): HttpsServer {
  const server = createHttpsServer(
    {
      ...tlsOptions,
      key: certificate.keyPem,
      cert: certificate.chainPem,
      handshakeTimeout: 10_000,
      requestTimeout: requestTimeoutMs,
      headersTimeout: headersTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
    },
    handle,
  );
  // A failed handshake is the client's affair; without a listener Node only destroys the socket as well.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

function closeServer(server: HttpServer | HttpsServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
