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
  /**
   * Directories of the owner that hold other people's entries, given to root, and directories of other people that could
   * not be searched, with the reason. Not problems: anybody could otherwise make another account's clean-up fail for good.
   */
  readonly kept: string[];
  /** What belongs to the owner and could not be removed. */
  readonly problems: string[];
  /** False when the time was up before all of the owner's own trees were gone. */
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
  /** Names in `top` of other people's directories: searched when the owner's own trees are gone. */
  readonly putOff: Map<string, Buffer>;
  isPuttingOff: boolean;
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
  const walk = await beginWalk(top, options);
  walk.isPuttingOff = true;
  const isInTime = (await removeIn(walk, top, path, 0)) && (await removeAll(walk, path, walk.movedUp));
  walk.isPuttingOff = false;
  if (!isInTime) walk.report.complete = false;
  if (!(await removeAll(walk, path, [...walk.putOff.values()])))
    keep(walk.report, `${path} (not searched: no time left)`);
  return walk.report;
}

/** Removes one entry of `parent` with all that is beneath it. */
export async function removeEntry(
  parent: HeldDirectory,
  path: string,
  name: string | Buffer,
  options: RemovalOptions,
): Promise<RemovalReport> {
  const walk = await beginWalk(parent, options);
  const first = typeof name === 'string' ? Buffer.from(name) : name;
  walk.report.complete = await removeAll(walk, path, [first]);
  return walk.report;
}

async function beginWalk(top: HeldDirectory, options: RemovalOptions): Promise<Walk> {
  return {
    ...options,
    report: emptyReport(),
    top,
    device: (await top.handle.stat()).dev,
    mount: mountOf(top),
    movedUp: [],
    putOff: new Map(),
    isPuttingOff: false,
  };
}

/** Removes entries of the top, and what they had moved up. False when the time is up. */
async function removeAll(walk: Walk, path: string, names: readonly Buffer[]): Promise<boolean> {
  const left = [...names].reverse();
  for (let name = left.pop(); name !== undefined; name = left.pop() ?? walk.movedUp.pop()) {
    if (!(await removeOne(walk, walk.top, path, 0, name))) return false;
  }
  return true;
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
  if (walk.signal.aborted) return false;
  const where = `${path}/${name.toString('utf8')}`;
  let isOwners = false;
  try {
    const stats = await lstatEntry(parent, name);
    if (stats === undefined) return true;
    isOwners = isOwned(walk, stats);
    if (stats.isDirectory()) {
      if (!walk.isPuttingOff || depth > 0 || isOwners)
        return await removeDirectory(walk, parent, where, depth, name);
      walk.putOff.set(name.toString('latin1'), name);
    } else if (isOwners && (await unlinkEntry(parent, name))) {
      walk.report.removed++;
    }
  } catch (error) {
    if (isGone(error)) return true;
    if (isOwners) noteProblem(walk.report, `${where}: ${reasonOf(error)}`);
    // A user's own FUSE mount, say, which shuts root out.
    else keep(walk.report, `${where} (not searched: ${reasonOf(error)})`);
  }
  return true;
}

/** What was looked at is no longer there, or something else is, which the next pass meets. */
function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
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
  if (stats.dev !== walk.device || mountOf(directory) !== walk.mount) return true;
  if (!(await removeIn(walk, directory, where, depth + 1))) return false;
  if (!isOwned(walk, stats)) return true;
  try {
    if (await rmdirEntry(parent, name)) walk.report.removed++;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    // Other people's files are theirs; but nothing may stay the account's, whose uid others might hold one day.
    await directory.handle.chown(0, 0);
    keep(walk.report, where);
  }
  return true;
}

/** A chain of directories longer than descriptors last would otherwise hide what is at its end. */
async function moveUp(walk: Walk, parent: HeldDirectory, where: string, name: Buffer): Promise<void> {
  const newName = Buffer.from(`.xos-sweep-${randomBytes(8).toString('hex')}`);
  const stats = await lstatEntry(parent, name);
  if (stats === undefined) return;
  if (!isOwned(walk, stats)) {
    keep(walk.report, `${where} (not searched: too deep)`);
    return;
  }
  await moveEntry(parent, name, walk.top, newName);
  walk.movedUp.push(newName);
}

function isOwned(walk: Walk, stats: Stats): boolean {
  return walk.ownerUid === undefined || stats.uid === walk.ownerUid;
}

function noteProblem(report: RemovalReport, line: string): void {
  if (report.problems.length < maximumNames) report.problems.push(line);
}

function keep(report: RemovalReport, line: string): void {
  if (report.kept.length < maximumNames) report.kept.push(line);
}
