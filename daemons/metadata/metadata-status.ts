import { productVersion } from '@xtreemos/base';
import type { RpcServer, ServerPeer } from '@xtreemos/rpc';
import type { Heartbeat, HostSecurity, SharedTime, StatusRecord } from '@xtreemos/xtreemfs';
import type { MetadataEngine } from './metadata-engine.ts';
import type { OsdSelection } from './placement.ts';

/** More are counted, not listed. */
const mostListed = 1000;

export interface StatusParts {
  readonly ownUuid: string;
  readonly server: RpcServer<ServerPeer>;
  readonly security: HostSecurity | undefined;
  /** As the status line has it: `VO physics, TLS on *:32636`. */
  readonly listening: string;
  readonly startedMs: number;
  readonly engine: MetadataEngine;
  readonly selection: OsdSelection;
  readonly time: SharedTime;
  readonly heartbeat: Heartbeat;
}

/** What the MRC's status page shows. */
export function metadataStatus(parts: StatusParts): StatusRecord {
  const { security, selection, heartbeat, time } = parts;
  const { volumes, openFiles } = parts.engine.files.parts;
  const heartbeatAgeMs = heartbeat.ageMs();
  return {
    server: 'MRC',
    uuid: parts.ownUuid,
    version: productVersion,
    host: security?.hostname ?? null,
    vo: security?.vo ?? null,
    listening: parts.listening,
    startedAt: new Date(parts.startedMs).toISOString(),
    connections: parts.server.connections,
    clients: openFiles.clients,
    openFiles: openFiles.size,
    usableOsds: selection.usable.length,
    registeredSecondsAgo: heartbeatAgeMs === undefined ? null : Math.round(heartbeatAgeMs / 1000),
    clockAheadSeconds: Math.round(time.aheadMs / 1000),
    volumes: volumes.all.slice(0, mostListed).map(({ id, name }) => ({ id, name })),
  };
}
