import { closeSync } from 'node:fs';
import { realpath, writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { type IsolatedThread, mount, openDevice, startIsolatedThread } from '@xtreemos/native-fuse';
import { systemError } from './errno.ts';
import { startGuard } from './guard.ts';
import { kernelDevice } from './kernel-device.ts';
import { type FuseMountOptions, mountData, mountFlags } from './mount-options.ts';
import { mostWriteBytes } from './negotiation.ts';
import { createNotifier, type FuseNotifier } from './notifier.ts';
import type { NegotiatedProtocol } from './operations.ts';
import { RequestLoop, type SessionEnd } from './request-loop.ts';

/** `when-idle`: EBUSY while it is in use. `detach`: out of the tree now, ends with its last user. `force`: whoever waits gets an error, and it is detached. */
export type UnmountManner = 'when-idle' | 'detach' | 'force';

export interface FuseSession {
  /** Its number in /sys/fs/fuse/connections. */
  readonly connection: number;
  readonly protocol: NegotiatedProtocol;
  readonly notify: FuseNotifier;
  /** A process frees whoever waits should this one be killed; false where the kernel's control files are not to be had. */
  readonly guarded: boolean;
  /** Operations that have not answered yet. */
  readonly pending: number;
  /** Settles when the connection is gone, however that came, and `destroy` has returned. */
  readonly ended: Promise<SessionEnd>;
  unmount(manner?: UnmountManner): Promise<void>;
}

/** MNT_FORCE, MNT_DETACH and UMOUNT_NOFOLLOW. */
const unmountFlags: Readonly<Record<UnmountManner, number>> = {
  'when-idle': 8,
  detach: 2 | 8,
  force: 1 | 2 | 8,
};

/**
 * The kernel offers 128 KiB, whatever we answer; as the administrator it can be told more. A read of a file in turn is then one
 * request for each MiB, several of them under way. Without /sys it stays as it is.
 */
async function readAhead(connection: number, bytes: number): Promise<void> {
  if (bytes <= 128 * 1024) return;
  const file = `/sys/class/bdi/0:${connection}/read_ahead_kb`;
  await writeFile(file, String(Math.floor(bytes / 1024))).catch(() => undefined);
}

/**
 * Mounts a file system; needs CAP_SYS_ADMIN. Resolves when the kernel and `operations` have agreed on the protocol and the
 * mount can be used. The process runs on as long as the mount stands.
 */
export async function mountFuse(options: FuseMountOptions): Promise<FuseSession> {
  if (endianness() !== 'LE')
    throw new Error('mountFuse: the protocol is read as little-endian machines have it');
  const maxBytes = options.maxWriteBytes ?? mostWriteBytes;
  if (!Number.isInteger(maxBytes) || maxBytes < 4096 || maxBytes > mostWriteBytes)
    throw new RangeError(`mountFuse: maxWriteBytes must be from 4096 to ${mostWriteBytes}`);
  const mountPoint = await realpath(options.mountPoint);
  const device = openDevice();
  let connection: number;
  try {
    const type = `fuse.${options.subtype ?? 'xtreemfs'}`;
    const data = mountData(options, device, maxBytes);
    connection = await mount(options.source, mountPoint, type, mountFlags(options), data);
  } catch (error) {
    closeSync(device);
    throw error;
  }
  const loop = new RequestLoop(kernelDevice(device), options);
  loop.start();
  const unmount = async (manner: UnmountManner): Promise<void> => {
    const thread = startIsolatedThread();
    const result = await thread.unmount(mountPoint, unmountFlags[manner]);
    thread.end();
    if (result < 0) throw systemError(result, 'umount2', mountPoint);
  };
  let notifications: IsolatedThread | undefined;
  try {
    const thread = startIsolatedThread(device);
    notifications = thread;
    const protocol = await loop.initialized;
    await readAhead(connection, Math.min(options.maxReadaheadBytes ?? 0, mostWriteBytes));
    const guard = (options.guard ?? true) ? await startGuard(connection) : undefined;
    const ended = loop.ended.then((how) => {
      thread.end();
      guard?.release();
      return how;
    });
    return {
      connection,
      protocol,
      notify: createNotifier(thread),
      guarded: guard !== undefined,
      get pending() {
        return loop.pending;
      },
      ended,
      async unmount(manner = 'when-idle') {
        await unmount(manner);
        if (manner !== 'detach') await ended;
      },
    };
  } catch (error) {
    await unmount('force').catch(() => undefined);
    notifications?.end();
    throw error;
  }
}
