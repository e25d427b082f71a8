import { productVersion } from '@xtreemos/base';
import { type RpcServer, type ServerPeer, type Service, ServiceType } from '@xtreemos/rpc';
import type { HostSecurity, PeerListening, StatusRecord } from '@xtreemos/xtreemfs';
import type { DirectoryEntries } from './directory-entries.ts';

/** More are counted, not listed. */
const mostListed = 1000;

export interface StatusParts {
  readonly entries: DirectoryEntries;
  readonly rpc: RpcServer<ServerPeer>;
  readonly security: HostSecurity | undefined;
  readonly listening: PeerListening;
  readonly startedMs: number;
}

/** What the DIR's status page shows. */
export function directoryStatus({ entries, rpc, security, listening, startedMs }: StatusParts): StatusRecord {
  const counts = entries.counts();
  const listed = [ServiceType.MRC, ServiceType.OSD, ServiceType.VOLUME]
    .flatMap((type) => entries.servicesOf(type))
    .slice(0, mostListed);
  return {
    server: 'DIR',
    version: productVersion,
    host: security?.hostname ?? null,
    vo: security?.vo ?? null,
    listening: listening.text,
    startedAt: new Date(startedMs).toISOString(),
    connections: rpc.connections,
    mrcs: counts.get(ServiceType.MRC) ?? 0,
    osds: counts.get(ServiceType.OSD) ?? 0,
    volumes: counts.get(ServiceType.VOLUME) ?? 0,
    services: listed.map((service) => ({
      type: ServiceType[service.type],
      uuid: service.uuid,
      name: service.name,
      address: entries
        .addresses(service.uuid)
        .map(({ uri }) => uri)
        .join(' '),
      lastSeenAt: lastSeen(service),
    })),
  };
}

/** Null after it took its leave. */
function lastSeen({ lastUpdatedS }: Service): string | null {
  return lastUpdatedS === 0n ? null : new Date(Number(lastUpdatedS) * 1000).toISOString();
}
