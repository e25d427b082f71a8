import { join } from 'node:path';
import type { RunningService, ServiceContext } from '@xtreemos/base';
import { ServiceType } from '@xtreemos/rpc';
import { openStore } from '@xtreemos/store';
import {
  createPeerServer,
  listenForPeers,
  measureCalls,
  openHostSecurity,
  type PeerListening,
  serveStatusPages,
} from '@xtreemos/xtreemfs';
import type { DirectoryConfiguration } from './configuration.ts';
import { serveDirectory } from './directory-calls.ts';
import { DirectoryEntries } from './directory-entries.ts';
import { admittedRoles } from './directory-peer.ts';
import { directoryStatus } from './directory-status.ts';

/** Heartbeats change entries all the time. */
const statusPauseMs = 1_000;

/** Opens the store, serves the calls and listens. @throws XosError when it cannot */
export async function startDirectory(
  context: ServiceContext<DirectoryConfiguration>,
): Promise<RunningService<DirectoryConfiguration>> {
  const { configuration, logger, clock, metrics } = context;
  const { Directory, Security, Status } = configuration;
  const security = Security.AllowPlainText ? undefined : await openHostSecurity('dir', Security, clock);
  const store = await openStore(join(Directory.StateDirectory, 'entries'));
  const entries = new DirectoryEntries(store, clock);
  let tell = (): void => undefined;
  let pause: NodeJS.Timeout | undefined;
  const rpc = createPeerServer({
    security,
    roles: admittedRoles,
    logger,
    clock,
    // No call here is for a user: XtreemFS's clients name one all the same.
    believes: () => true,
    onCall: measureCalls(metrics, 'dir'),
  });
  serveDirectory(rpc, entries, () => {
    pause ??= setTimeout(() => {
      pause = undefined;
      tell();
    }, statusPauseMs).unref();
  });
  let listening: PeerListening;
  try {
    listening = await listenForPeers({ server: rpc, security, settings: Directory, logger });
  } catch (error) {
    await store.close();
    throw error;
  }
  const startedMs = clock.nowMs();
  const pages = await serveStatusPages({
    settings: Status,
    title: `DIR${security === undefined ? '' : ` of ${security.hostname}`}`,
    status: () => directoryStatus({ entries, rpc, security, listening, startedMs }),
    metrics,
    sockets: context.sockets,
  });
  tell = () => context.setStatus(`${countsText(entries)}; ${listening.text}`);
  tell();

  return {
    reload: () => listening.refresh(),
    async stop(deadline) {
      clearTimeout(pause);
      pages.close();
      listening.close();
      await rpc.drain(deadline);
      await store.close();
    },
  };
}

/** `1 MRC, 3 OSDs, 2 volumes`. */
function countsText(entries: DirectoryEntries): string {
  const counts = entries.counts();
  const count = (type: ServiceType, what: string): string => {
    const number = counts.get(type) ?? 0;
    return `${number} ${what}${number === 1 ? '' : 's'}`;
  };
  return [
    count(ServiceType.MRC, 'MRC'),
    count(ServiceType.OSD, 'OSD'),
    count(ServiceType.VOLUME, 'volume'),
  ].join(', ');
}
