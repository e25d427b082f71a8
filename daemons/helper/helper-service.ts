import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type RunningService, type ServiceContext, XosError } from '@xtreemos/base';
import { connectBus } from '@xtreemos/dbus';
import { describeKey, revokeKey } from '@xtreemos/native-keyring';
import { createCallerRights, findLocalUser } from './caller-rights.ts';
import { findCgroupTree } from './cgroup-tree.ts';
import { type HelperConfiguration, isLeasedUid, readIdRanges } from './configuration.ts';
import { createCredentialFiles } from './credential-files.ts';
import { createLauncher } from './launcher.ts';
import { createRequestHandler, type HandlerParts } from './request-handlers.ts';
import { createRequestServer } from './request-server.ts';
import { createRequestTally } from './request-tally.ts';
import { createServiceManager, type ServiceManager } from './service-manager.ts';
import { removeUnfinishedSessions } from './session-directory.ts';
import { createLauncherServices, createSystemdServices } from './user-services.ts';

/** Starts the helper on its socket. */
export async function startHelper(
  context: ServiceContext<HelperConfiguration>,
): Promise<RunningService<HelperConfiguration>> {
  const { configuration } = context;
  const accounts = requireAccountsUser(configuration);
  // Directories for others to enter are made with their final mode: nothing half usable is left by a kill.
  process.umask(0o022);
  await mkdir(configuration.Session.Directory, { recursive: true, mode: 0o711 });
  await removeUnfinishedSessions(configuration.Session.Directory);
  await mkdir(configuration.Home.VolumeDirectory, { recursive: true, mode: 0o755 });
  await mkdir(dirname(configuration.Map.Path), { recursive: true, mode: 0o755 });
  const requests = createRequestServer({
    rights: createCallerRights(accounts.uid, findLocalUser(configuration.Helper.ExecUser)?.uid),
    ids: readIdRanges(configuration),
    handle: createRequestHandler(await createParts(context)),
    tally: createRequestTally(context.setStatus, () => context.clock.nowMs()),
    logger: context.logger,
    metrics: context.metrics,
    clock: context.clock,
    concurrentRequests: configuration.Helper.ConcurrentRequests,
  });
  await context.sockets.listenUnix(requests.server, {
    name: 'helper',
    path: configuration.Helper.Socket,
    mode: 0o660,
    gid: accounts.gid,
  });
  return { stop: () => requests.drain() };
}

/** What `--check-config`, start and reload refuse. */
export function checkConfiguration(configuration: HelperConfiguration): void {
  readIdRanges(configuration);
  requireAccountsUser(configuration);
}

function requireAccountsUser(configuration: HelperConfiguration): { uid: number; gid: number } {
  const { AccountsUser } = configuration.Helper;
  const user = findLocalUser(AccountsUser);
  if (user === undefined) {
    throw new XosError('XOS_CONFIGURATION_BAD', {
      reason: `[Helper] AccountsUser=${AccountsUser}: no such user in /etc/passwd`,
    });
  }
  return user;
}

async function createParts(context: ServiceContext<HelperConfiguration>): Promise<HandlerParts> {
  const { configuration } = context;
  const { Credentials, Home, Session, Sweep, Services } = configuration;
  const launcher = createLauncher(configuration.Helper.Launcher);
  const tree = await findCgroupTree(Session.Cgroup);
  const manager = await findServiceManager(configuration);
  const serviceOptions = {
    homeRoot: Home.Root,
    stdioDirectory: Services.StdioDirectory,
    pamService: Services.PamService,
  };
  const ids = readIdRanges(configuration);
  return {
    isLeased: (uid) => isLeasedUid(uid, ids),
    launcher,
    tree,
    manager,
    credentials: createCredentialFiles({
      directories: Credentials.CredentialDirectories,
      sizeLimitBytes: Credentials.SizeLimit,
      timeoutMs: Credentials.Timeout,
    }),
    home: { root: Home.Root, skeleton: Home.Skeleton },
    homeVolumeDirectory: Home.VolumeDirectory,
    sessionDirectory: Session.Directory,
    keys: { describeKey, revokeKey },
    map: { path: configuration.Map.Path, sizeLimitBytes: configuration.Map.SizeLimit },
    sweep: {
      directories: Sweep.Directories,
      spoolDirectories: Sweep.SpoolDirectories,
      lingerDirectory: Sweep.LingerDirectory,
      runtimeDirectory: Sweep.RuntimeDirectory,
      timeoutMs: Sweep.Timeout,
    },
    hostCertificates: {
      directory: configuration.Host.CertificateDirectory,
      nowMs: () => context.clock.nowMs(),
    },
    services:
      manager === undefined
        ? createLauncherServices(launcher, tree, serviceOptions)
        : createSystemdServices(manager, serviceOptions),
    ownPid: process.pid,
  };
}

/** As sd_booted(3) decides. */
async function findServiceManager(configuration: HelperConfiguration): Promise<ServiceManager | undefined> {
  const { InitSystem } = configuration.Helper;
  const isBooted = await access('/run/systemd/system').then(
    () => true,
    () => false,
  );
  if (InitSystem === 'none' || (InitSystem === 'auto' && !isBooted)) return undefined;
  const address = configuration.Services.BusAddress;
  return createServiceManager(() => connectBus(address === undefined ? {} : { address }));
}
