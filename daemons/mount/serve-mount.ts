/** The process of one mount, from its start to the end of the mount. */
import { rmSync } from 'node:fs';
import {
  createLogger,
  createMetrics,
  createMetricsServer,
  createNotifier,
  defineEvent,
  journalSocketPath,
  journalTransport,
  type Logger,
  reasonOf,
  stderrTransport,
  systemClock,
} from '@xtreemos/base';
import { sendDatagram } from '@xtreemos/native-sys';
import { openHostSecurity } from '@xtreemos/xtreemfs';
import { isWaitedFor, tellWaiting } from './background.ts';
import { exitStatus, sentenceOfFailure } from './mount-failure.ts';
import type { MountOptions } from './mount-options.ts';
import { recordMount } from './mount-record.ts';
import { enterMountTable, leaveMountTable } from './mount-table.ts';
import { mountVolume, type VolumeMount } from './volume-mount.ts';

const events = {
  mounted: defineEvent('mount.mounted'),
  ended: defineEvent('mount.ended'),
  busy: defineEvent('mount.busy'),
  security: defineEvent('mount.security-problem'),
  unguarded: defineEvent('mount.unguarded'),
  noHelper: defineEvent('mount.umount-does-not-wait'),
} as const;

const identifier = 'mount.xtreemfs';
const refreshMs = 15_000;
const statusMs = 5000;

/** Mounts, and resolves when the mount has ended and everything is written. @throws why it cannot be mounted */
export async function serveMount(options: MountOptions): Promise<void> {
  process.env['XTREEMOS_NSS'] = 'off';
  const notifier = createNotifier({ environment: process.env, pid: process.pid, send: sendDatagram });
  const logger = openLog(options);
  const security = options.allowPlainText
    ? undefined
    : await openHostSecurity(
        'accounts',
        {
          Vo: options.security['Vo'],
          HostDirectory: options.security['HostDirectory'] ?? '/etc/xtreemos/host',
          VoDirectory: options.security['VoDirectory'] ?? '/etc/xtreemos/vo.d',
          TrustDirectory: options.security['TrustDirectory'] ?? '/etc/grid-security/certificates',
          CrlDirectory: options.security['CrlDirectory'] ?? '/var/lib/xtreemos/accounts/crls',
          RequestDirectory: undefined,
        },
        systemClock,
      );
  const mounted = await mountVolume(options, { security, logger, clock: systemClock }).catch(
    (error: unknown) => {
      // PID 1 keeps it for who asks why the unit failed.
      notifier.status(sentenceOfFailure(error, options));
      throw error;
    },
  );
  const forget = recordMount(mounted.session.connection);
  const closeMetrics = serveMetrics(options.metricsSocket, mounted);
  const refreshing = setInterval(() => {
    security?.refresh().catch((error: unknown) => {
      logger.warning(events.security, `What was known goes on to count: ${reasonOf(error)}`);
    });
  }, refreshMs).unref();
  const telling = setInterval(() => notifier.status(mounted.status()), statusMs).unref();
  logger.info(events.mounted, `Mounted ${options.source} on ${options.mountPoint}`, {
    guarded: mounted.session.guarded,
    kernelMinor: mounted.session.protocol.kernelMinor,
  });
  // Homes are unmounted by force when their process ends, by their unit.
  if (!mounted.session.guarded && !options.home) {
    logger.warning(
      events.unguarded,
      `Should this process be killed, programs may wait for ${options.mountPoint} until "umount -f" frees them: /sys/fs/fuse/connections cannot be written; mount -t fusectl none /sys/fs/fuse/connections`,
    );
  }
  const isInTable = isWaitedFor() && (await enterTable(options, logger));
  notifier.ready(mounted.status());
  tellWaiting(exitStatus.done);
  const unmount = async () => {
    notifier.stopping();
    if (isInTable) await leaveMountTable(options.mountPoint).catch(() => undefined);
    await mounted.session.unmount('when-idle').catch(async (error: unknown) => {
      logger.warning(
        events.busy,
        `Programs still use the volume, it is taken away from them: ${reasonOf(error)}`,
      );
      await mounted.session.unmount('detach').catch(() => undefined);
    });
  };
  const stop = () => void unmount();
  process.on('SIGTERM', stop).on('SIGINT', stop);
  await mounted.finished;
  clearInterval(refreshing);
  clearInterval(telling);
  closeMetrics();
  forget();
  logger.info(events.ended, `${options.mountPoint} is unmounted`);
}

/** @returns whether umount(8) waits for what is written last */
async function enterTable(
  { source, mountPoint, tableOptions }: MountOptions,
  logger: Logger,
): Promise<boolean> {
  if (tableOptions === undefined) return false;
  try {
    await enterMountTable(source, mountPoint, tableOptions);
    return true;
  } catch (error) {
    logger.warning(
      events.noHelper,
      `umount(8) will not wait until everything is written, umount.xtreemfs does: ${reasonOf(error)}`,
    );
    return false;
  }
}

/** In the background the journal takes what is said, in the foreground whoever reads stderr. */
function openLog({ verbose }: MountOptions): Logger {
  const send = (path: string, bytes: Uint8Array) => sendDatagram(path, bytes, { memfdWhenTooLarge: true });
  const toJournal = isWaitedFor() || (process.env['JOURNAL_STREAM'] ?? '') !== '';
  return createLogger({
    transport: toJournal
      ? journalTransport({ identifier, send, path: journalSocketPath })
      : stderrTransport({ identifier }),
    threshold: () => (verbose ? 'debug' : 'info'),
  });
}

/** @returns what ends it */
function serveMetrics(socket: string | undefined, mounted: VolumeMount): () => void {
  if (socket === undefined) return () => undefined;
  const metrics = createMetrics({ process: true });
  const gauge = (name: string, help: string, collect: () => number) =>
    metrics.gauge({ name: `xos_mount_${name}`, help, collect });
  gauge('dirty_bytes', 'Written by programs, not yet at the OSDs', mounted.dirtyBytes);
  gauge('open_files', 'Files that programs have open', mounted.openFiles);
  gauge('pending_requests', 'Requests of the kernel under way', () => mounted.session.pending);
  rmSync(socket, { force: true });
  const server = createMetricsServer(metrics);
  server.listen(socket);
  return () => server.close();
}
