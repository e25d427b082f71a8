import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { reasonOf } from '@xtreemos/base';
import {
  entryNames,
  type HeldDirectory,
  holdBeneath,
  lstatEntry,
  mountOf,
  moveEntry,
  rmdirEntry,
  unlinkEntry,
} from './held-directory.ts';

/** What a removal did, and found it could not do. */
export interface RemovalReport {
  removed: number;
  /** Directories of the owner that hold other people's entries: given to root, named for the administrator. */
  readonly kept: string[];
  readonly problems: string[];
  /** False when the time was up. */
  complete: boolean;
}

export function emptyReport(): RemovalReport {
  return { removed: 0, kept: [], problems: [], complete: true };
}

export interface RemovalOptions {
  /** Removes what belongs to this uid and nothing else; undefined removes everything. */
  readonly ownerUid: number | undefined;
  /** Aborted when the time is up. */
  readonly signal: AbortSignal;
}

interface Walk extends RemovalOptions {
  readonly report: RemovalReport;
  readonly top: HeldDirectory;
  readonly device: number;
  readonly mount: string;
  /** Names in `top` of trees that were too deep, moved up. */
  readonly movedUp: Buffer[];
}

/** One descriptor is held per level; deeper trees are moved up to the top instead. */
const maximumDepth = 48;
const maximumNames = 64;
const maximumPasses = 8;

/**
 * Removes entries beneath a directory, never the directory itself: held by descriptor level by level, so that no rename
 * or symbolic link leads elsewhere, never across a mount point (bind mounts of the same file system included).
 *
 * Between looking at an owner and unlinking, a name can be exchanged only by somebody who may write to that directory;
 * what is then unlinked is something they could have unlinked themselves (docs/decisions/helper-sweep.md).
 */
export async function removeEntries(
  top: HeldDirectory,
  path: string,
  options: RemovalOptions,
): Promise<RemovalReport> {
  const report = emptyReport();
  const walk: Walk = {
    ...options,
    report,
    top,
    device: (await top.handle.stat()).dev,
    mount: await mountOf(top),
    movedUp: [],
  };
  await removeIn(walk, top, path, 0);
  for (let name = walk.movedUp.pop(); name !== undefined; name = walk.movedUp.pop()) {
    if (!(await removeOne(walk, top, path, 0, name))) break;
  }
  return report;
}

/** Removes one entry of `parent` with all that is beneath it. */
export async function removeEntry(
  parent: HeldDirectory,
  path: string,
  name: string | Buffer,
  options: RemovalOptions,
): Promise<RemovalReport> {
  const report = emptyReport();
  const walk: Walk = {
    ...options,
    report,
    top: parent,
    device: (await parent.handle.stat()).dev,
    mount: await mountOf(parent),
    movedUp: [],
  };
  const first = typeof name === 'string' ? Buffer.from(name) : name;
  for (let next: Buffer | undefined = first; next !== undefined; next = walk.movedUp.pop()) {
    if (!(await removeOne(walk, parent, path, 0, next))) break;
  }
  return report;
}

/** A directory that changes while it is read may hide entries: passes until one removes nothing. */
async function removeIn(walk: Walk, directory: HeldDirectory, path: string, depth: number): Promise<boolean> {
  for (let pass = 0; pass < maximumPasses; pass++) {
    const before = walk.report.removed;
    for await (const name of entryNames(directory)) {
      if (!(await removeOne(walk, directory, path, depth, name))) return false;
    }
    if (walk.report.removed === before) return true;
  }
  return true;
}

/** False when the time is up. */
async function removeOne(
  walk: Walk,
  parent: HeldDirectory,
  path: string,
  depth: number,
  name: Buffer,
): Promise<boolean> {
  if (walk.signal.aborted) {
    walk.report.complete = false;
    return false;
  }
  const where = `${path}/${name.toString('utf8')}`;
  try {
    const stats = await lstatEntry(parent, name);
    if (stats === undefined) return true;
    if (stats.isDirectory()) return await removeDirectory(walk, parent, where, depth, name);
    if (isOwned(walk, stats) && (await unlinkEntry(parent, name))) walk.report.removed++;
  } catch (error) {
    noteProblem(walk.report, where, error);
  }
  return true;
}

async function removeDirectory(
  walk: Walk,
  parent: HeldDirectory,
  where: string,
  depth: number,
  name: Buffer,
): Promise<boolean> {
  if (depth >= maximumDepth) {
    await moveUp(walk, parent, where, name);
    return true;
  }
  await using directory = await holdBeneath(parent, name);
  const stats = await directory.handle.stat();
  if (stats.dev !== walk.device || (await mountOf(directory)) !== walk.mount) return true;
  if (!(await removeIn(walk, directory, where, depth + 1))) return false;
  if (!isOwned(walk, stats)) return true;
  try {
    if (await rmdirEntry(parent, name)) walk.report.removed++;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    // Other people's files are theirs; but nothing may stay the account's, whose uid others might hold one day.
    await directory.handle.chown(0, 0);
    if (walk.report.kept.length < maximumNames) walk.report.kept.push(where);
  }
  return true;
}

/** A chain of directories longer than descriptors last would otherwise hide what is at its end. */
async function moveUp(walk: Walk, parent: HeldDirectory, where: string, name: Buffer): Promise<void> {
  const newName = Buffer.from(`.xos-sweep-${randomBytes(8).toString('hex')}`);
  const stats = await lstatEntry(parent, name);
  if (stats === undefined) return;
  if (!isOwned(walk, stats)) {
    noteProblem(walk.report, where, new Error("is too deep in other people's directories to be searched"));
    return;
  }
  await moveEntry(parent, name, walk.top, newName);
  walk.movedUp.push(newName);
}

function isOwned(walk: Walk, stats: Stats): boolean {
  return walk.ownerUid === undefined || stats.uid === walk.ownerUid;
}

function noteProblem(report: RemovalReport, where: string, error: unknown): void {
  if (report.problems.length < maximumNames) report.problems.push(`${where}: ${reasonOf(error)}`);
}
