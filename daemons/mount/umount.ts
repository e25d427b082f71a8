/**
 * `umount.xtreemfs MOUNTPOINT [-flnrv] [-N NS] [-t TYPE]`: as umount(8), which calls it as `umount.fuse.xtreemfs`, the type of the mount; and
 * waits until everything is written.
 */
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { reasonOf } from '@xtreemos/base';
import { exitStatus } from './mount-failure.ts';
import { findMount, isServed } from './mount-record.ts';

const usage = 'Usage: umount.xtreemfs MOUNTPOINT [-flnrv] [-N NAMESPACE] [-t TYPE]\n';

process.exit(await run(process.argv.slice(2)));

async function run(argv: readonly string[]): Promise<number> {
  const given = parsed(argv);
  if (given?.help === true) {
    process.stdout.write(usage);
    return exitStatus.done;
  }
  if (given?.mountPoint === undefined) {
    process.stderr.write(usage);
    return exitStatus.usage;
  }
  const { letters, namespace } = given;
  // -i: umount(8) is not to call this helper again.
  const command = ['-i', ...letters.map((letter) => `-${letter}`)];
  // Who serves a mount of another namespace is not looked for: it has a /run of its own.
  if (namespace !== undefined) return umount([...command, '-N', namespace, given.mountPoint]);
  const mountPoint = realMountPoint(given.mountPoint);
  const mount = findMount(mountPoint);
  if (mount === undefined) {
    process.stderr.write(`umount.xtreemfs: ${given.mountPoint}: no volume is mounted here\n`);
    return exitStatus.failure;
  }
  const status = umount([...command, mountPoint]);
  // With -r it may be mounted still, for reading.
  const isGone = status === exitStatus.done && findMount(mountPoint)?.device !== mount.device;
  const waits = isGone && !letters.includes('f') && !letters.includes('l');
  while (waits && isServed(mount)) await sleep(20);
  return status;
}

/** @returns undefined for what cannot be understood */
function parsed(argv: readonly string[]) {
  const flag = (short: string) => ({ type: 'boolean', short }) as const;
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        force: flag('f'),
        lazy: flag('l'),
        'no-mtab': flag('n'),
        'read-only': flag('r'),
        verbose: flag('v'),
        help: flag('h'),
        namespace: { type: 'string', short: 'N' },
        types: { type: 'string', short: 't' },
      },
    });
    const letters = [
      ...(values.force === true ? ['f'] : []),
      ...(values.lazy === true ? ['l'] : []),
      ...(values['read-only'] === true ? ['r'] : []),
    ];
    return {
      help: values.help === true,
      letters,
      namespace: values.namespace,
      mountPoint: positionals.length === 1 ? positionals[0] : undefined,
    };
  } catch {
    return undefined;
  }
}

/** Of a mount whose server is away the path cannot be looked at; and what is not there is no mount. */
function realMountPoint(given: string): string {
  if (findMount(given) !== undefined) return given;
  try {
    return realpathSync(given);
  } catch {
    return given;
  }
}

function umount(parameters: readonly string[]): number {
  const { status, error } = spawnSync('umount', parameters, { stdio: 'inherit' });
  if (error !== undefined) process.stderr.write(`umount.xtreemfs: cannot run umount: ${reasonOf(error)}\n`);
  return status ?? exitStatus.system;
}
