/** A volume on a mount point: every part put together, and taken apart again. */
import { randomUUID } from 'node:crypto';
import { type Clock, defineEvent, type Logger, reasonOf } from '@xtreemos/base';
import { type FuseOperations, type FuseSession, mountFuse } from '@xtreemos/fuse';
import {
  BufferPool,
  type Connected,
  connectServer,
  createDirectoryClient,
  type HostSecurity,
  type ServiceAddress,
} from '@xtreemos/xtreemfs';
import { createAccountIds } from './account-ids.ts';
import { AllocatedSpace } from './allocated-space.ts';
import { attributeOperations } from './attribute-operations.ts';
import { errnoOfFailure } from './call-failure.ts';
import { ChangeWatch } from './change-watch.ts';
import { ChangedDirectories } from './changed-directories.ts';
import { directoryOperations } from './directory-operations.ts';
import { FileLocks } from './file-locks.ts';
import { fileOperations } from './file-operations.ts';
import { fillNewHome, type NewHome } from './home-skeleton.ts';
import { openIdentityMap } from './identity-map.ts';
import { KnownNodes } from './known-nodes.ts';
import type { Metadata } from './metadata.ts';
import { MetadataClient } from './metadata-client.ts';
import type { MountOptions } from './mount-options.ts';
import { nameOperations } from './name-operations.ts';
import { NodePaths } from './node-paths.ts';
import { createObjectServers } from './object-servers.ts';
import { OpenNodes } from './open-nodes.ts';
import { PathClient } from './path-client.ts';
import { ServerLink } from './server-link.ts';
import { subtreeRoot } from './subtree-root.ts';
import { createUserSessions } from './user-sessions.ts';
import { createVolumeIds } from './volume-ids.ts';
import { volumeServer } from './volume-server.ts';
import { VolumeView } from './volume-view.ts';
import { WriteBudget } from './write-buffers.ts';

const events = {
  lost: defineEvent('mount.open-files-lost'),
  defect: defineEvent('mount.defect'),
  unsafe: defineEvent('mount.data-not-written'),
  homeFilled: defineEvent('mount.home-filled'),
  homeNotFilled: defineEvent('mount.home-not-filled'),
} as const;

const keepAliveMs = 10_000;
const attemptMs = 20_000;
const accountFiles = { passwd: '/etc/passwd', group: '/etc/group' };
/** Asks before anybody does. */
const ownProcess = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid };
/** Of the 10 s that a login waits for a home. */
const skeletonMs = 5000;

export interface VolumeMount {
  readonly session: FuseSession;
  /** One line for people. */
  status(): string;
  readonly dirtyBytes: () => number;
  readonly openFiles: () => number;
  /** After the kernel let go: everything is written, the servers are left. */
  readonly finished: Promise<void>;
}

/** @throws Failure, RpcError, XosError, system errors: why the volume cannot be mounted */
export async function mountVolume(
  options: MountOptions,
  parts: { readonly security: HostSecurity | undefined; readonly logger: Logger; readonly clock: Clock },
): Promise<VolumeMount> {
  const { security, logger, clock } = parts;
  const monotonicMs = () => clock.monotonicMs();
  const policy = { monotonicMs, ...(options.softMs === undefined ? {} : { softMs: options.softMs }) };
  const clientId = randomUUID();
  const home = options.home ? options.owner : undefined;
  const buffers = new BufferPool(options.writeBufferBytes / 2);
  const connect = (role: 'mrc' | 'osd') => (address: ServiceAddress) =>
    connectServer(security, role, address, { takeMemory: (bytes) => buffers.take(bytes) });
  const directoryLink = new ServerLink<Connected>(() => connectServer(security, 'dir', options.directory));
  const directory = createDirectoryClient(async () => (await directoryLink.connected()).rpc);
  const map = openIdentityMap(options.identityMap, monotonicMs);
  const servers = createObjectServers({
    addressesOf: directory.addressesOf,
    connect: connect('osd'),
    policy,
    timeoutMs: attemptMs,
    areOurs: !options.stock,
  });
  const server = {
    volumeName: options.volume,
    addresses: async () =>
      directory.addressesOf(await volumeServer((await directoryLink.connected()).rpc, options.volume)),
    connect: connect('mrc'),
    policy,
    timeoutMs: attemptMs,
  };
  const ours = (): Metadata =>
    new MetadataClient({
      ...server,
      clientId,
      bind: createUserSessions({
        directory: options.sessionDirectory,
        uidOf: map.uidOf,
        nowMs: () => clock.nowMs(),
      }),
      ...(home === undefined ? {} : { homeOf: () => ids.callerOf({ ...home, pid: 0 }) }),
      claims: () => open.claims(),
      onLost(handles) {
        logger.warning(events.lost, 'Files that were open have been removed meanwhile', {
          files: handles.length,
        });
        open.lost(handles);
      },
    });
  const nowNs = () => BigInt(Math.round(clock.nowMs() * 1000)) * 1000n;
  const paths = new NodePaths();
  const metadata: Metadata = options.stock
    ? new PathClient({ ...server, paths, servers, nowNs, caller: () => ids.callerOf(ownProcess) })
    : ours();
  const rooted = () => subtreeRoot(Number(metadata.volume.root?.node ?? 1n));
  const budget = new WriteBudget(options.writeBufferBytes);
  const open: OpenNodes = new OpenNodes({
    metadata: () => metadata,
    data: {
      servers,
      budget,
      buffers,
      readAheadBytes: options.readAheadBytes,
      nowNs,
    },
    monotonicMs,
  });
  const known = options.stock ? paths : new KnownNodes();
  const volumeIds = createVolumeIds({
    map,
    takesForeignIds: () => options.stock || metadata.volume.takesForeignIds,
    monotonicMs,
  });
  const ids = options.stock ? createAccountIds(volumeIds, { ...accountFiles, monotonicMs }) : volumeIds;
  const locks = new FileLocks({ clientId, servers });
  let session: FuseSession | undefined;
  const watch = new ChangeWatch({
    metadata,
    keeps: () => !view.isStrict,
    watchedNs: options.cacheSeconds * 1e9,
    unwatchedNs: 1e9,
    listener: {
      node(node, isContent) {
        if (isContent) open.changedElsewhere(node);
        const kernelNode = rooted().kernelNode(node);
        void session?.notify.invalidateNode(kernelNode, isContent ? 0 : -1, 0).catch(() => undefined);
      },
      appendWanted: (node) => open.appendWanted(node),
      entry: (parent, name) =>
        void session?.notify.invalidateEntry(rooted().kernelNode(parent), name).catch(() => undefined),
      everything() {
        for (const [node, { parent, name }] of known.all()) {
          open.changedElsewhere(node);
          void session?.notify.invalidateNode(node, 0, 0).catch(() => undefined);
          void session?.notify.invalidateEntry(rooted().kernelNode(parent), name).catch(() => undefined);
        }
      },
    },
  });
  const directories = new ChangedDirectories(watch);
  const view: VolumeView = new VolumeView({
    ...{ metadata, ids, watch, directories, known, open, locks },
    accessTimes: options.accessTimes,
  });

  const ticking = setInterval(() => {
    void metadata.keepAlive(AbortSignal.timeout(keepAliveMs)).catch(() => undefined);
    void locks.keepAlive();
    void open.renewAging();
  }, keepAliveMs).unref();

  async function leave(): Promise<void> {
    clearInterval(ticking);
    try {
      await open.syncAll();
    } catch (error) {
      logger.error(events.unsafe, `Data were not written: ${reasonOf(error)}`);
    }
    await watch.stop();
    servers.close();
    metadata.close();
    directoryLink.close();
  }

  try {
    await metadata.attach();
    // Servers of XtreemFS tell of no changes: the kernel keeps what it was told for a second.
    if (!options.stock) watch.start();
    const attributes = attributeOperations(view, servers, new AllocatedSpace({ servers, monotonicMs }));
    const operations = {
      ...nameOperations(view),
      ...attributes,
      ...fileOperations(view, {
        truncate: async (request, node) => attributes.setattr(request, node, { size: 0, killSetIds: true }),
        dropCache: (node) =>
          void session?.notify.invalidateNode(rooted().kernelNode(node), 0, 0).catch(() => undefined),
      }),
      ...directoryOperations(view),
    };
    if (home !== undefined) {
      const node = Number(metadata.volume.root?.node ?? 1n);
      await fillHome({ operations, node, owner: home, skeleton: options.skeleton }, logger);
    }
    session = await mountFuse({
      mountPoint: options.mountPoint,
      source: options.source,
      operations: answering(rooted().below(operations), (error, operation) =>
        logger.error(events.defect, `${operation} failed in a way nobody foresaw`, {
          error: error as Error,
        }),
      ),
      posixAcl: !options.stock,
      exportSupport: false,
      dataInvalidation: options.stock ? 'automatic' : 'explicit',
      maxReadaheadBytes: options.readAheadBytes,
      readOnly: options.readOnly,
      setuid: options.setuid,
      devices: options.devices,
      noExec: options.noExec,
      allowOther: options.allowOther,
      ...(options.owner === undefined ? {} : { userId: options.owner.uid, groupId: options.owner.gid }),
    });
  } catch (error) {
    await leave();
    throw error;
  }
  return {
    session,
    status: () =>
      `${options.volume} on ${options.mountPoint}: ${open.handles} open, ${known.size} known, ${budget.usedBytes} bytes to write${
        watch.isWatching || options.stock ? '' : ', THE MRC IS AWAY'
      }`,
    dirtyBytes: () => budget.usedBytes,
    openFiles: () => open.handles,
    finished: session.ended.then(leave),
  };
}

/** A home without its skeleton is better than none: what is missing comes with a later mount. */
async function fillHome(home: Omit<NewHome, 'signal'>, logger: Logger): Promise<void> {
  const signal = AbortSignal.timeout(skeletonMs);
  const late = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`it took more than ${skeletonMs / 1000} s`)));
  });
  try {
    const made = await Promise.race([fillNewHome({ ...home, signal }), late]);
    if (made !== undefined)
      logger.info(events.homeFilled, `A new home: ${made} entries of ${home.skeleton} are in it`);
  } catch (error) {
    logger.warning(
      events.homeNotFilled,
      `${home.skeleton} is not copied whole into the new home, tried again at the next mount: ${reasonOf(error)}`,
    );
  }
}

/** What an operation throws becomes an errno; what is none is a defect, and reported. */
function answering(
  operations: FuseOperations,
  onDefect: (error: unknown, operation: string) => void,
): FuseOperations {
  const wrap =
    (name: string, operation: (...parameters: unknown[]) => unknown) =>
    (...parameters: unknown[]) => {
      const failed = (error: unknown) => {
        const isDefect = error instanceof TypeError || error instanceof RangeError;
        if (isDefect) onDefect(error, name);
        return -errnoOfFailure(error);
      };
      try {
        const answer = operation(...parameters);
        return answer instanceof Promise ? answer.catch(failed) : answer;
      } catch (error) {
        return failed(error);
      }
    };
  const entries = Object.entries(operations).map(([name, operation]) => [
    name,
    name === 'forget' ? operation : wrap(name, operation as (...parameters: unknown[]) => unknown),
  ]);
  return Object.fromEntries(entries) as FuseOperations;
}
