/**
 * Where umount(8) learns that there is umount.xtreemfs. Of what is mounted it asks for the type alone, and of all FUSE file systems that is "fuse",
 * as long as libmount's table beside the kernel's, /run/mount/utab, says nothing; it is written by mount(8) and umount(8).
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** They look at the mount point, which is this process to answer: never waited for in a way that stops it. */
const timeout = 5000;

/** @param options for that table alone, as `_netdev`. @throws why umount(8) will not wait for what is written last */
export async function enterMountTable(
  source: string,
  mountPoint: string,
  options: readonly string[],
): Promise<void> {
  const all = [...options, 'uhelper=xtreemfs'].join(',');
  await run(
    'mount',
    ['--internal-only', '--fake', '-c', '-t', 'fuse.xtreemfs', '-o', all, source, mountPoint],
    {
      timeout,
    },
  );
}

/** Of a mount that ends otherwise than by umount(8), before it ends. */
export async function leaveMountTable(mountPoint: string): Promise<void> {
  await run('umount', ['--internal-only', '--fake', '-c', mountPoint], { timeout });
}
