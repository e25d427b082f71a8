import { createPublicKey } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { RunningService, ServiceContext } from '@xtreemos/base';
import {
  connectPeer,
  createCapabilityKeyNotice,
  createDirectoryClient,
  createPeerServer,
  createServerConnections,
  createSharedTime,
  type Heartbeat,
  type HostSecurity,
  keepConnected,
  listenForPeers,
  measureCalls,
  openHostSecurity,
  readServerUuid,
  type ServiceRecord,
  serveStatusPages,
  startHeartbeat,
} from '@xtreemos/xtreemfs';
import { isLocalAdministrator, type LocalPeer, openAdminSocket } from './admin-socket.ts';
import { serveAttributes } from './attribute-calls.ts';
import { isForeignName } from './caller.ts';
import { CapabilityIssuer } from './capability-issuer.ts';
import { readCapabilityKey } from './capability-key-file.ts';
import { serveClients } from './client-calls.ts';
import type { MetadataConfiguration } from './configuration.ts';
import { serveFiles } from './file-calls.ts';
import { GuessGuard } from './guess-guard.ts';
import { startHousekeeping } from './housekeeping.ts';
import { serveListing } from './listing-calls.ts';
import { measureEngine, openEngine } from './metadata-engine.ts';
import { metadataStatus } from './metadata-status.ts';
import { NodeSessions } from './node-sessions.ts';
import { ObjectWorker } from './object-worker.ts';
import { rememberedOsds, rememberOsds } from './osd-memory.ts';
import { learnOsds } from './osd-watch.ts';
import { servePaths } from './path-calls.ts';
import { OsdSelection } from './placement.ts';
import { serveTree } from './tree-calls.ts';
import { takesForeignIdsFrom } from './volume.ts';
import { serveVolumes } from './volume-calls.ts';
import { serveVolumeCheck } from './volume-check-calls.ts';
import { serveVolumeRepair } from './volume-repair-calls.ts';

const statusEveryMs = 5000;

/** Opens the store, serves the calls, registers at the DIR. @throws XosError when it cannot */
export async function startMetadata(
  context: ServiceContext<MetadataConfiguration>,
): Promise<RunningService<MetadataConfiguration>> {
  const { configuration, logger, clock, metrics, sockets } = context;
  const { Metadata, Directory, Security, Clients, Placement, Status } = configuration;
  await mkdir(Metadata.StateDirectory, { recursive: true, mode: 0o700 });
  const setting = '[Metadata] Uuid=';
  const ownUuid = await readServerUuid(Metadata.StateDirectory, { value: Metadata.Uuid, setting });
  const security = Security.AllowPlainText ? undefined : await openHostSecurity('mrc', Security, clock);
  const key = await readCapabilityKey(Metadata.StateDirectory);
  const engine = await openEngine(configuration, clock);
  const { files, store, start } = engine;
  const { volumes, openFiles, feed } = files.parts;

  const dir = { address: Directory.Address, port: Directory.Port };
  const link = keepConnected(() => connectPeer(security, 'dir', dir));
  const directory = createDirectoryClient(link.connected);
  const osds = createServerConnections({
    addressesOf: directory.addressesOf,
    connect: (address) => connectPeer(security, 'osd', address),
  });
  const time = createSharedTime(clock, directory.timeMs);
  const issuer = new CapabilityIssuer({
    key,
    lifetimeS: Math.round(Clients.Capability / 1000),
    nowMs: () => time.nowMs(),
  });
  const limits = { silenceMs: Placement.OsdSilence, freeBytes: Placement.OsdFreeSpace };
  const selection = new OsdSelection(limits, () => time.nowMs());
  selection.update(rememberedOsds(store, time.nowMs()));
  const onCall = measureCalls(metrics, 'mrc');
  const server = createPeerServer({
    security,
    roles: ['accounts', 'mrc', 'osd', 'exec'],
    logger,
    clock,
    // Whom a volume takes at its word is judged again, by the volume, at each call.
    believes: (peer, { name }) =>
      isForeignName(name) && volumes.all.some((volume) => takesForeignIdsFrom(volume, peer.hostname)),
    onCall,
  });
  const sessions = new NodeSessions(files, new GuessGuard(() => clock.monotonicMs(), logger));
  const parts = { server, files, sessions, issuer, selection, start, leaseMs: Clients.Lease };
  serveClients(parts);
  serveTree(parts);
  serveAttributes(parts);
  serveFiles(parts);
  serveListing(parts);
  servePaths(parts);
  measureEngine(metrics, engine);
  const statusParts = { ownUuid, server, security, startedMs: clock.nowMs(), engine, selection, time };

  const volumeParts = {
    files,
    logger,
    vo: security?.vo,
    onMade: () => heartbeat.beatNow(),
    onRemoved: (volumeId: string) => directory.deregisterService(volumeId).catch(() => undefined),
  };
  // In plain text everybody is believed: so is who says that he administers.
  serveVolumes({
    ...volumeParts,
    server,
    isAdministrator: ({ kind }) => kind === 'plain',
    nameOf: () => 'a client in plain text',
  });
  const { AdminSocket: path } = Metadata;
  const admin = await openAdminSocket({
    path,
    sockets,
    logger,
    onCall,
    serve: (local) => {
      const who = { isAdministrator: isLocalAdministrator, nameOf: ({ uid }: LocalPeer) => `uid ${uid}` };
      serveVolumes({ ...volumeParts, ...who, server: local });
      const { connected } = osds;
      const checkParts = { files, logger, issuer, selection, connected, ...who, server: local };
      serveVolumeCheck(checkParts);
      serveVolumeRepair(checkParts);
    },
  }).catch(closeAndThrow);
  const listening = await listenForPeers({ server, security, settings: Metadata, logger }).catch(
    closeAndThrow,
  );

  async function closeAndThrow(error: unknown): Promise<never> {
    await store.close();
    throw error;
  }

  const statement = createCapabilityKeyNotice({
    publicKey: createPublicKey(key),
    mrcUuid: ownUuid,
    security,
    clock,
  });
  const heartbeat: Heartbeat = startHeartbeat({
    directory,
    addresses: addressesOf(Directory.AdvertisedAddress, listening.ports, security),
    uuid: ownUuid,
    async records() {
      await time.adjust();
      await learnOsds(directory, selection);
      await rememberOsds(store, selection.all);
      return [
        {
          type: 'mrc',
          uuid: ownUuid,
          name: `MRC @ ${ownUuid}`,
          data: { load: '0', proto_version: '21', ...statement() },
        },
        ...volumes.all.map(
          ({ id, name }): ServiceRecord => ({
            type: 'volume',
            uuid: id,
            name,
            data: { mrc: ownUuid },
          }),
        ),
      ];
    },
    intervalMs: Directory.Heartbeat,
    logger,
    clock,
  });

  const worker = new ObjectWorker({
    store,
    issuer,
    connected: osds.connected,
    monotonicMs: () => clock.monotonicMs(),
    logger,
  });
  const housekeeping = startHousekeeping({ engine, worker, logger });
  const tell = () =>
    context.setStatus(
      `MRC ${ownUuid}: ${volumes.all.length} volumes, ${openFiles.clients} clients, ${openFiles.size} open files, ${
        selection.usable.length
      } OSDs; ${listening.text}`,
    );
  const pages = await serveStatusPages({
    settings: Status,
    title: `MRC ${ownUuid}`,
    status: () => metadataStatus({ ...statusParts, listening: listening.text, heartbeat }),
    metrics,
    sockets,
  }).catch(closeAndThrow);
  const ticking = setInterval(() => {
    tell();
    // Started side by side, the OSD may have registered after this server looked: no file can be made until it looks again.
    if (selection.usable.length === 0) void heartbeat.beatNow();
  }, statusEveryMs).unref();
  tell();

  return {
    reload: () => listening.refresh(),
    async stop(deadline) {
      clearInterval(ticking);
      pages.close();
      listening.close();
      feed.close();
      await Promise.all([
        server.drain(deadline),
        admin.close(deadline),
        heartbeat.stop(),
        housekeeping.stop(),
      ]);
      osds.close();
      link.close();
      await store.close();
    },
  };
}

function addressesOf(
  advertised: string | undefined,
  ports: readonly number[],
  security: HostSecurity | undefined,
) {
  const protocol = security === undefined ? 'pbrpc' : 'pbrpcs';
  const address = advertised ?? security?.hostname ?? hostname();
  return [...new Set(ports)].map((port) => ({ protocol, address, port }) as const);
}
