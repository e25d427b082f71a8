import { constants } from 'node:fs';
import { lchown, open, readlink, symlink } from 'node:fs/promises';
import { XosError } from '@xtreemos/base';
import type { MakeHomeReply, MakeHomeRequest } from '@xtreemos/helper-client';
import {
  entryNames,
  type HeldDirectory,
  holdBeneath,
  holdDirectory,
  holdDirectoryIfThere,
  lstatEntry,
  makeBeneath,
  moveEntry,
  rmdirEntry,
} from './held-directory.ts';
import { splitLoginName } from './login-name.ts';
import { removeEntry } from './owned-tree.ts';
import { storageError } from './storage-error.ts';

export interface HomeOptions {
  /** `/home` */
  readonly root: string;
  /** `/etc/skel`; copied as it is, links as links. */
  readonly skeleton: string;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const maximumEntries = 4096;
const maximumBytes = 64 * 1024 * 1024;
const maximumDepth = 16;

/**
 * Makes `<root>/<alias>/<user>` from the skeleton. A home appears whole or not at all: it grows under a name that no
 * login name can have, inside a directory that only root enters, and is renamed when it is complete and on disk. What a
 * kill leaves under that name is removed by the next call.
 * @throws XosError XOS_EXISTS, XOS_STATE_WRONG (the parents are not root's alone), XOS_STORAGE_FULL, XOS_STORAGE_FAILED
 */
export async function makeHome(request: MakeHomeRequest, options: HomeOptions): Promise<MakeHomeReply> {
  const { user, alias } = splitLoginName(request.loginName);
  const home = `${options.root}/${alias}/${user}`;
  try {
    await using parent = await holdParentOfHomes(options.root, alias);
    const there = await lstatEntry(parent, user);
    // Of a home volume that is none any more: empty, or it is not removed.
    const isMountPoint = there?.isDirectory() && there.uid === 0 && (there.mode & 0o7777) === mountPointMode;
    if (there !== undefined && !(isMountPoint && (await rmdirEntry(parent, user).catch(() => false)))) {
      if (there.isDirectory() && there.uid === request.uid) return { home, created: false };
      throw new XosError('XOS_EXISTS', {
        what: there.isDirectory() ? `Home of uid ${there.uid}` : 'Something that is no directory,',
        name: home,
      });
    }
    await buildHome(parent, user, request, options);
    return { home, created: true };
  } catch (error) {
    throw storageError(error, 'make a home', home);
  }
}

/** What only we give a directory at a home's place: nobody writes to it while no volume is mounted there. */
export const mountPointMode = 0o555;

/** `<root>/<alias>`, made if missing. @throws XosError XOS_STATE_WRONG when it or the root is not root's alone */
export async function holdParentOfHomes(homeRoot: string, alias: string): Promise<HeldDirectory> {
  await using root = await holdDirectory(homeRoot);
  await requireRootOnly(root, homeRoot);
  const parent = await makeBeneath(root, alias, 0o755);
  try {
    await requireRootOnly(parent, `${homeRoot}/${alias}`);
    return parent;
  } catch (error) {
    await parent.handle.close();
    throw error;
  }
}

async function buildHome(
  parent: HeldDirectory,
  user: string,
  owner: Owner,
  options: HomeOptions,
): Promise<void> {
  const staging = `.${user}.xos-new`;
  const noLimit = new AbortController().signal;
  const report = await removeEntry(parent, options.root, staging, { ownerUid: undefined, signal: noLimit });
  if (report.problems.length > 0)
    throw new Error(`cannot remove a half-made home: ${report.problems.join('; ')}`);
  await using directory = await makeBeneath(parent, staging, 0o700);
  await using skeleton = await holdDirectoryIfThere(options.skeleton);
  if (skeleton !== undefined) {
    await copyEntries(skeleton, directory, owner, { entries: 0, bytes: 0 }, 0);
  }
  await directory.handle.chown(owner.uid, owner.gid);
  await directory.handle.sync();
  await moveEntry(parent, staging, parent, user);
  await parent.handle.sync();
}

/** Where others can write, they could have put the entry that is about to be trusted. */
async function requireRootOnly(directory: HeldDirectory, path: string): Promise<void> {
  const stats = await directory.handle.stat();
  if (stats.uid !== 0 || (stats.mode & 0o022) !== 0) {
    throw new XosError('XOS_STATE_WRONG', {
      attempt: 'make a home',
      what: path,
      state: `owned by uid ${stats.uid} with mode ${(stats.mode & 0o7777).toString(8)}`,
      wanted: "root's and writable by root alone",
    });
  }
}

async function copyEntries(
  from: HeldDirectory,
  to: HeldDirectory,
  owner: Owner,
  totals: { entries: number; bytes: number },
  depth: number,
): Promise<void> {
  if (depth > maximumDepth) throw new Error(`the skeleton is deeper than ${maximumDepth}`);
  for await (const name of entryNames(from)) {
    if (++totals.entries > maximumEntries)
      throw new Error(`the skeleton has more than ${maximumEntries} entries`);
    const stats = await lstatEntry(from, name);
    if (stats?.isDirectory()) {
      await using source = await holdBeneath(from, name);
      await using target = await makeBeneath(to, name, 0o700);
      await copyEntries(source, target, owner, totals, depth + 1);
      await target.handle.chmod(stats.mode & 0o777);
      await target.handle.chown(owner.uid, owner.gid);
      await target.handle.sync();
    } else if (stats?.isSymbolicLink()) {
      const target = await readlink(from.entry(name), 'buffer');
      await symlink(target, to.entry(name));
      await lchown(to.entry(name), owner.uid, owner.gid);
    } else if (stats?.isFile()) {
      totals.bytes += await copyFile(from, to, name, owner, maximumBytes - totals.bytes);
    }
    // FIFOs, sockets and devices have no business in a skeleton.
  }
}

async function copyFile(
  from: HeldDirectory,
  to: HeldDirectory,
  name: Buffer,
  owner: Owner,
  mostBytes: number,
): Promise<number> {
  await using source = await open(
    from.entry(name),
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
  const stats = await source.stat();
  if (!stats.isFile()) throw new Error('the skeleton changed while it was copied');
  if (stats.size > mostBytes) throw new Error(`the skeleton has more than ${maximumBytes} bytes`);
  await using target = await open(to.entry(name), 'wx', 0o600);
  const buffer = Buffer.allocUnsafe(64 * 1024);
  let copied = 0;
  for (;;) {
    const { bytesRead } = await source.read(buffer, 0, buffer.length, copied);
    if (bytesRead === 0) break;
    if (copied + bytesRead > mostBytes) throw new Error(`the skeleton has more than ${maximumBytes} bytes`);
    await target.writeFile(buffer.subarray(0, bytesRead));
    copied += bytesRead;
  }
  await target.chmod(stats.mode & 0o777);
  await target.chown(owner.uid, owner.gid);
  await target.sync();
  return copied;
}
