import { productVersion } from '@xtreemos/base';
import type { RpcServer, ServerPeer } from '@xtreemos/rpc';
import type { Heartbeat, HostSecurity, PeerListening, SharedTime, StatusRecord } from '@xtreemos/xtreemfs';
import type { CapabilityKeys } from './capability-keys.ts';
import type { FileLocks } from './file-locks.ts';
import type { ObjectStore } from './object-store.ts';
import type { ScrubSchedule } from './scrub-schedule.ts';

export interface StatusParts {
  readonly ownUuid: string;
  readonly rpc: RpcServer<ServerPeer>;
  readonly security: HostSecurity | undefined;
  readonly listening: PeerListening;
  readonly startedMs: number;
  readonly store: ObjectStore;
  readonly locks: FileLocks;
  readonly keys: CapabilityKeys;
  readonly time: SharedTime;
  readonly heartbeat: Heartbeat;
  readonly scrubbing: ScrubSchedule;
}

/** What the OSD's status page shows. */
export async function objectsStatus(parts: StatusParts): Promise<StatusRecord> {
  const { security, store, keys, heartbeat, scrubbing, time } = parts;
  const { freeBytes, totalBytes } = await store.space();
  const heartbeatAgeMs = heartbeat.ageMs();
  const { last } = scrubbing;
  return {
    server: 'OSD',
    uuid: parts.ownUuid,
    version: productVersion,
    host: security?.hostname ?? null,
    vo: security?.vo ?? null,
    listening: parts.listening.text,
    startedAt: new Date(parts.startedMs).toISOString(),
    connections: parts.rpc.connections,
    freeBytes,
    totalBytes,
    locks: parts.locks.size,
    registeredSecondsAgo: heartbeatAgeMs === undefined ? null : Math.round(heartbeatAgeMs / 1000),
    clockAheadSeconds: Math.round(time.aheadMs / 1000),
    failure: store.failure?.message ?? null,
    store: { ...store.figures },
    recovery: {
      records: store.recovery.records,
      files: store.recovery.files,
      adoptedBlocks: store.recovery.adoptedBlocks,
      damagedFiles: store.recovery.damagedFiles.length,
    },
    lastScrub:
      last === undefined
        ? null
        : {
            files: last.files,
            blocks: last.blocks,
            damaged: last.damaged.length,
            unreadable: last.unreadable.length,
          },
    metadataServers: keys.mrcs.map(({ mrcUuid, hostname, notAfterMs }) => ({
      uuid: mrcUuid,
      host: hostname ?? null,
      keyHoldsUntil: Number.isFinite(notAfterMs) ? new Date(notAfterMs).toISOString() : null,
    })),
  };
}
