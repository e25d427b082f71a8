import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { defineEvent, humanByteSize, type RunningService, type ServiceContext } from '@xtreemos/base';
import {
  connectPeer,
  createDirectoryClient,
  createPeerServer,
  createSharedTime,
  type HostSecurity,
  keepConnected,
  listenForPeers,
  measureCalls,
  openHostSecurity,
  type PeerListening,
  readServerUuid,
  type ServiceAddress,
  serveStatusPages,
  startHeartbeat,
} from '@xtreemos/xtreemfs';
import { openCapabilityKeys } from './capability-keys.ts';
import { ClientConnections } from './client-connections.ts';
import type { ObjectsConfiguration } from './configuration.ts';
import { serveData } from './data-calls.ts';
import { createDiskStorage } from './disk-storage.ts';
import { createFileLocks } from './file-locks.ts';
import { serveLocks } from './lock-calls.ts';
import { readMrcKeys } from './mrc-keys.ts';
import { type ObjectStore, openObjectStore } from './object-store.ts';
import { objectsStatus } from './objects-status.ts';
import { startScrubSchedule } from './scrub-schedule.ts';
import { serveStorage } from './storage-calls.ts';
import { measureStore } from './store-metrics.ts';
import { createStripePeers } from './stripe-peers.ts';

const events = {
  recovered: defineEvent('objects.recovered'),
  clock: defineEvent('objects.clock'),
} as const;

const statusEveryMs = 5000;

/** Opens the store, serves the calls, registers at the DIR. @throws XosError when it cannot */
export async function startObjects(
  context: ServiceContext<ObjectsConfiguration>,
): Promise<RunningService<ObjectsConfiguration>> {
  const { configuration, logger, clock, metrics } = context;
  const { Objects, Directory, Security, Locks, Status, Storage } = configuration;
  await mkdir(Objects.StateDirectory, { recursive: true, mode: 0o700 });
  const ownUuid = await readServerUuid(Objects.StateDirectory, {
    value: Objects.Uuid,
    setting: '[Objects] Uuid=',
  });
  const configured = await readMrcKeys(Security.MrcKeys);
  const security = Security.AllowPlainText ? undefined : await openHostSecurity('osd', Security, clock);
  const store = await openStore(context);

  const link = keepConnected(() =>
    connectPeer(security, 'dir', { address: Directory.Address, port: Directory.Port }),
  );
  const directory = createDirectoryClient(link.connected);
  const keys = await openCapabilityKeys({
    directory,
    security,
    configured,
    file: join(Objects.StateDirectory, 'mrc-keys'),
    logger,
    monotonicMs: () => clock.monotonicMs(),
  });
  const time = createSharedTime(clock, directory.timeMs);
  const peers = createStripePeers({
    ownUuid,
    addressesOf: directory.addressesOf,
    connect: (address) => connectPeer(security, 'osd', address),
    timeoutMs: 10_000,
  });
  const locks = createFileLocks({
    leaseMs: Locks.Lease,
    mostOfClient: Locks.MostOfClient,
    mostLocks: Locks.Most,
    monotonicMs: () => clock.monotonicMs(),
  });
  const rpc = createPeerServer({
    security,
    roles: ['accounts', 'mrc', 'osd', 'exec'],
    logger,
    clock,
    // Rights come with the XCap: XtreemFS's clients name a user all the same.
    believes: () => true,
    onCall: measureCalls(metrics, 'osd'),
    takeMemory: store.memory,
  });
  const { verifier, learnOfUnknown } = keys;
  const rules = { ownUuid, verifier, learnOfUnknown, nowMs: () => time.nowMs() };
  const parts = { store, locks, peers, rules, connections: new ClientConnections() };
  serveData(rpc, parts);
  serveStorage(rpc, parts);
  const renewConnected = serveLocks(rpc, parts);
  measureStore(metrics, store, locks);
  const statusParts = { ownUuid, rpc, security, startedMs: clock.nowMs(), store, locks, keys, time };

  let listening: PeerListening;
  try {
    listening = await listenForPeers({ server: rpc, security, settings: Objects, logger });
  } catch (error) {
    await store.close();
    throw error;
  }
  const heartbeat = startHeartbeat({
    directory,
    addresses: addressesOf(
      Directory.AdvertisedAddress ?? security?.hostname ?? hostname(),
      listening,
      security,
    ),
    uuid: ownUuid,
    async records() {
      await adjustClock();
      await keys.learn();
      const { freeBytes, totalBytes } = await store.space();
      const data = {
        free: String(freeBytes),
        total: String(totalBytes),
        usable: String(freeBytes),
        load: '0',
        totalRAM: '0',
        usedRAM: String(process.memoryUsage.rss()),
        proto_version: '21',
      };
      return [{ type: 'osd', uuid: ownUuid, name: `OSD @ ${ownUuid}`, data }] as const;
    },
    intervalMs: Directory.Heartbeat,
    logger,
    clock,
  });

  async function adjustClock(): Promise<void> {
    const before = time.aheadMs;
    await time.adjust();
    if (Math.abs(time.aheadMs - before) > 1000)
      logger.warning(
        events.clock,
        'The clock of this host differs from the one of the DIR, whose time counts',
        {
          aheadSeconds: Math.round(time.aheadMs / 1000),
        },
      );
  }

  const scrubbing = startScrubSchedule({
    store,
    logger,
    clock,
    intervalMs: Storage.ScrubInterval,
    bytesPerSecond: Storage.ScrubRate,
  });
  const pages = await serveStatusPages({
    settings: Status,
    title: `OSD ${ownUuid}`,
    status: () => objectsStatus({ ...statusParts, listening, heartbeat, scrubbing }),
    metrics,
    sockets: context.sockets,
  });
  const tell = async () => {
    const { freeBytes } = await store.space();
    const damaged = scrubbing.last?.damaged.length ?? 0;
    context.setStatus(
      `OSD ${ownUuid}: ${rpc.connections} connections, ${humanByteSize(freeBytes)} free, ${locks.size} locks${
        damaged > 0 ? `, ${damaged} DAMAGED BLOCKS` : ''
      }; ${listening.text}`,
    );
  };
  const ticking = setInterval(() => {
    renewConnected();
    locks.expire();
    keys.judge();
    void tell().catch(() => undefined);
  }, statusEveryMs).unref();
  await tell();

  return {
    async reload() {
      await listening.refresh();
      keys.judge();
    },
    healthy: () => store.failure === undefined,
    async stop(deadline) {
      clearInterval(ticking);
      pages.close();
      listening.close();
      await Promise.all([rpc.drain(deadline), heartbeat.stop(), scrubbing.stop()]);
      peers.close();
      link.close();
      await store.close();
    },
  };
}

async function openStore({
  configuration,
  logger,
  clock,
}: ServiceContext<ObjectsConfiguration>): Promise<ObjectStore> {
  const { Objects, Storage } = configuration;
  const startMs = clock.monotonicMs();
  const store = await openObjectStore({
    storage: createDiskStorage(Objects.StateDirectory),
    clock,
    logger,
    logSegmentBytes: Storage.LogSegment,
    reserveBytes: Storage.Reserve,
    openFiles: Storage.OpenFiles,
    unsyncedBytes: Storage.Unsynced,
  });
  const { records, files, adoptedBlocks, damagedFiles } = store.recovery;
  logger.info(events.recovered, 'Opened the stored objects', {
    records,
    files,
    adopted: adoptedBlocks,
    damaged: damagedFiles.length,
    milliseconds: Math.round(clock.monotonicMs() - startMs),
  });
  return store;
}

function addressesOf(
  address: string,
  { ports }: PeerListening,
  security: HostSecurity | undefined,
): readonly ServiceAddress[] {
  const protocol = security === undefined ? 'pbrpc' : 'pbrpcs';
  return [...new Set(ports)].map((port) => ({ protocol, address, port }));
}
