import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { reasonOf, XosError } from '@xtreemos/base';

/**
 * Our part of the cgroup2 tree: `<directory>/<uid>/<sessionId>`. Names come from the request parser; the tree is root's
 * alone, so paths are safe here.
 */
export interface CgroupTree {
  readonly directory: string;
  /** Makes the cgroup of a session or service; its directory. */
  make(uid: number, name: string): Promise<string>;
  /** Kills every process of the uid's cgroups; how many cgroups below the uid's there were. */
  kill(uid: number): Promise<number>;
  /** Kills one cgroup. False when it is not there. */
  killOne(uid: number, name: string): Promise<boolean>;
  /** Removes the uid's cgroups that are empty. */
  prune(uid: number): Promise<void>;
  /** Removes one session's cgroup if it is empty, and the uid's with the last one. */
  pruneOne(uid: number, name: string): Promise<void>;
}

/** The tree, or undefined where no cgroup2 is mounted. `configured` overrides the place. */
export async function findCgroupTree(
  configured: string | undefined,
  mountInformation: string = '/proc/self/mountinfo',
): Promise<CgroupTree | undefined> {
  const directory = configured ?? (await defaultDirectory(mountInformation));
  return directory === undefined ? undefined : createCgroupTree(directory);
}

/** proc_pid_mountinfo(5): field 5 is the mount point, the type follows the separator " - ". */
async function defaultDirectory(mountInformation: string): Promise<string | undefined> {
  for (const line of (await readFile(mountInformation, 'utf8')).split('\n')) {
    const [mount, filesystem] = line.split(' - ');
    const point = mount?.split(' ')[4];
    if (filesystem?.startsWith('cgroup2 ') && point !== undefined) return `${point}/xtreemos`;
  }
  return undefined;
}

export function createCgroupTree(directory: string): CgroupTree {
  return {
    directory,
    async make(uid, name) {
      const path = `${directory}/${uid}/${name}`;
      await mkdir(path, { recursive: true });
      return path;
    },
    async kill(uid) {
      const names = await subdirectories(`${directory}/${uid}`);
      if (names === undefined) return 0;
      await killAt(`${directory}/${uid}`);
      return names.length;
    },
    async killOne(uid, name) {
      const path = `${directory}/${uid}/${name}`;
      if ((await subdirectories(path)) === undefined) return false;
      await killAt(path);
      return true;
    },
    async prune(uid) {
      for (const name of (await subdirectories(`${directory}/${uid}`)) ?? []) {
        await removeIfEmpty(`${directory}/${uid}/${name}`);
      }
      await removeIfEmpty(`${directory}/${uid}`);
    },
    async pruneOne(uid, name) {
      await removeIfEmpty(`${directory}/${uid}/${name}`);
      await removeIfEmpty(`${directory}/${uid}`);
    },
  };
}

async function killAt(path: string): Promise<void> {
  try {
    await writeFile(`${path}/cgroup.kill`, '1');
  } catch (error) {
    // cgroup.kill came with Linux 5.14; without it the launcher finds every process of the uid.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !isPermission(error)) throw error;
  }
}

/** Creating cgroup.kill where the kernel has none. */
function isPermission(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPERM' || code === 'EACCES';
}

async function subdirectories(path: string): Promise<readonly string[] | undefined> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A cgroup stays busy while processes in it have not been reaped; it goes with the next prune then. */
async function removeIfEmpty(path: string): Promise<void> {
  try {
    for (const name of (await subdirectories(path)) ?? []) await removeIfEmpty(`${path}/${name}`);
    await rmdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EBUSY' && code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}

/** Which controllers a cgroup's limits can use. */
export async function hasController(cgroup: string, file: string): Promise<boolean> {
  return await access(`${cgroup}/${file}`).then(
    () => true,
    () => false,
  );
}

export function cgroupError(error: unknown, attempt: string, path: string): XosError {
  if (error instanceof XosError) return error;
  return new XosError('XOS_STORAGE_FAILED', { attempt, path, reason: reasonOf(error) }, { cause: error });
}
