import { defineEvent, kind, type ListenAddress, type Logger, reasonOf } from '@xtreemos/base';
import { openListeners, type RpcServer, type ServerPeer } from '@xtreemos/rpc';
import type { HostSecurity } from './host-security.ts';

const events = { securityProblem: defineEvent('xtreemfs.security-problem') } as const;

/** Revocation lists and a renewed certificate are looked for this often. */
const refreshMs = 15_000;

/** How many may be connected at once, in the section of Listen=. */
export const connectionKeys = {
  MaximumConnections: kind.integer(10_000, { minimum: 1, maximum: 1_000_000 }),
  /** Of one IPv4 address, or one IPv6 network of 64 bits. */
  MaximumConnectionsPerAddress: kind.integer(1000, { minimum: 1, maximum: 1_000_000 }),
};

export interface ListenSettings {
  readonly Listen: readonly ListenAddress[];
  readonly MaximumConnections: number;
  readonly MaximumConnectionsPerAddress: number;
}

export interface PeerListening {
  /** In the order of Listen=. */
  readonly ports: readonly number[];
  /** For the status line: `VO physics, TLS on *:32638`. */
  readonly text: string;
  /** Reads what the security stands on anew, now; a failure is logged, and what was known goes on to count. */
  refresh(): Promise<void>;
  /** Takes no new connections. */
  close(): void;
}

/**
 * Has a server listen, with the host's certificate where there is security, and keeps up with renewals and revocations.
 * @throws XosError XOS_CONFIGURATION_BAD when it cannot listen
 */
export async function listenForPeers(options: {
  readonly server: RpcServer<ServerPeer>;
  readonly security: HostSecurity | undefined;
  readonly settings: ListenSettings;
  readonly logger: Logger;
}): Promise<PeerListening> {
  const { server, security, settings, logger } = options;
  const listeners = await openListeners({
    listen: settings.Listen,
    limits: {
      maximumConnections: settings.MaximumConnections,
      maximumConnectionsPerAddress: settings.MaximumConnectionsPerAddress,
    },
    identity: security?.identity,
    logger,
    take: (socket, proven) => void server.take(socket, proven),
  });
  async function refresh(): Promise<void> {
    try {
      if (security !== undefined && (await security.refresh())) listeners.useIdentity(security.identity);
    } catch (error) {
      logger.warning(events.securityProblem, `What was known goes on to count: ${reasonOf(error)}`);
    }
  }
  const refreshing = setInterval(() => void refresh(), refreshMs).unref();
  const how = security === undefined ? 'plain text, for tests alone,' : `VO ${security.vo}, TLS`;
  return {
    ports: listeners.ports,
    text: `${how} on ${listeners.text}`,
    refresh,
    close() {
      clearInterval(refreshing);
      listeners.close();
    },
  };
}
