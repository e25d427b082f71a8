/** Whether the servers of XtreemFS that a DIR knows are reached from this host, and by which certificates. For `xos doctor`. */
import { reasonOf, systemClock } from '@xtreemos/base';
import type { HostRole } from '@xtreemos/identity';
import {
  connectServer,
  createDirectoryClient,
  type HostSecurity,
  openHostSecurity,
} from '@xtreemos/xtreemfs';
import type { HostPaths } from '../host-paths.ts';
import { addressOf, type ServiceState, securityOf, servicesOf } from './directory-services.ts';

/** A server that answered, with the certificate that it runs with, which may be older than the one on its disk. */
export interface ReachedServer {
  readonly tookMs: number;
  /** Milliseconds since 1970. */
  readonly certificate: { readonly beginMs: number; readonly endMs: number };
}

export interface ExaminedServer extends ServiceState {
  readonly type: 'mrc' | 'osd';
  /** At the first of its addresses that answers; why none does; undefined where it is not alive, and was not asked. */
  readonly reached: ReachedServer | { readonly reason: string } | undefined;
}

export interface FileSystemAnswer {
  readonly directory: ReachedServer;
  readonly servers: readonly ExaminedServer[];
}

/** Of a large grid some are enough to tell whether the way there is open. */
const mostAsked = 64;

/** @param where `HOST:PORT` of the DIR. @throws RpcError, XosError, system errors when the DIR does not answer */
export async function examineServers(
  paths: HostPaths,
  vo: string,
  where: string,
  nowMs: () => number,
): Promise<FileSystemAnswer> {
  const security = await openHostSecurity('accounts', securityOf(paths, vo), { ...systemClock, nowMs });
  const { rpc, reached } = await reach(security, 'dir', addressOf(where));
  try {
    const { services } = await servicesOf(createDirectoryClient(async () => rpc));
    const servers = services.flatMap((state) => {
      const { type } = state;
      return type === 'volume' ? [] : [{ ...state, type }];
    });
    const asked = new Set(servers.filter(({ alive }) => alive).slice(0, mostAsked));
    return {
      directory: reached,
      servers: await Promise.all(
        servers.map(async (server) => ({
          ...server,
          reached: asked.has(server) ? await ask(security, server.type, server.addresses) : undefined,
        })),
      ),
    };
  } finally {
    rpc.close();
  }
}

async function ask(
  security: HostSecurity,
  role: HostRole,
  addresses: readonly string[],
): Promise<ExaminedServer['reached']> {
  let reason = 'the DIR knows no address of it';
  for (const address of addresses) {
    try {
      const { rpc, reached } = await reach(security, role, addressOf(address));
      rpc.close();
      return reached;
    } catch (error) {
      reason = reasonOf(error);
    }
  }
  return { reason };
}

async function reach(
  security: HostSecurity,
  role: HostRole,
  where: { readonly address: string; readonly port: number },
) {
  const startedAt = performance.now();
  const { rpc, tls } = await connectServer(security, role, where);
  const certificate = tls?.getPeerX509Certificate();
  if (certificate === undefined) throw new Error('it shows no certificate');
  const reached: ReachedServer = {
    tookMs: Math.round(performance.now() - startedAt),
    certificate: {
      beginMs: Date.parse(certificate.validFrom),
      endMs: Date.parse(certificate.validTo),
    },
  };
  return { rpc, reached };
}
