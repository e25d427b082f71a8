/** renameat2(2), in the order of checks of fs/namei.c. */
import { addName, findPlace, type Place, requireEntry, requireRoom, touched } from './directory-change.ts';
import { refusal } from './errno-error.ts';
import { entryTypeOf, isDirectory } from './file-mode.ts';
import { type Inode, maximumLinks, rootNode } from './inode.ts';
import type { Found } from './lookup.ts';
import type { Operation } from './operation.ts';
import { mayWrite, requireAccess, requireRemoval } from './permission.ts';
import { dropDirectory, dropLink } from './remove-node.ts';
import type { Entry } from './tree.ts';

export const renameNoReplace = 1;
export const renameExchange = 2;

export interface Name {
  readonly parent: number;
  readonly name: Uint8Array;
}

type FoundEntry = Found & { readonly entry: Entry };

/** @throws ErrnoError of rename(2) */
export function renameNode(operation: Operation, from: Name, to: Name, flags: number): void {
  if ((flags & ~(renameNoReplace | renameExchange)) !== 0 || flags === (renameNoReplace | renameExchange))
    throw refusal('EINVAL', 'no such way of renaming');
  const isExchange = flags === renameExchange;
  const busy = () => refusal('EBUSY', 'neither "." nor ".." is renamed');
  const dots = { self: busy, parent: busy };
  const source = findPlace(operation, from.parent, from.name, dots);
  const target = findPlace(operation, to.parent, to.name, dots);
  const moved = requireEntry(operation, source);
  const replaced = target.entry === undefined ? undefined : requireEntry(operation, target);
  if (isExchange && replaced === undefined) throw refusal('ENOENT', 'nothing to exchange with');
  if (flags === renameNoReplace && replaced !== undefined) throw refusal('EEXIST', 'the new name is taken');
  refuseLoops(operation, { moved, replaced, from, to, isExchange });
  // Two names of one file: both stay (POSIX.1-2024, rename).
  if (replaced?.node === moved.node) return;
  judge(operation, { source, target, moved, replaced, isExchange });
  if (isExchange && replaced !== undefined) exchange(operation, { source, target, moved, replaced });
  else move(operation, { source, target, moved, replaced });
}

function refuseLoops(
  { tree }: Operation,
  {
    moved,
    replaced,
    from,
    to,
    isExchange,
  }: {
    readonly moved: Found;
    readonly replaced: Found | undefined;
    readonly from: Name;
    readonly to: Name;
    readonly isExchange: boolean;
  },
): void {
  /** Whether a directory is the other, or above it. */
  const holds = (upper: number, lower: number): boolean => {
    for (let node = lower; ; node = tree.get(node).parent) {
      if (node === upper) return true;
      if (node === rootNode || node === 0) return false;
    }
  };
  if (from.parent === to.parent) return;
  if (isDirectory(moved.inode) && holds(moved.node, to.parent))
    throw refusal('EINVAL', 'a directory is not moved into itself');
  if (replaced !== undefined && isDirectory(replaced.inode) && holds(replaced.node, from.parent))
    throw refusal(isExchange ? 'EINVAL' : 'ENOTEMPTY', 'the target holds the source');
}

function judge(
  operation: Operation,
  {
    source,
    target,
    moved,
    replaced,
    isExchange,
  }: {
    readonly source: Place;
    readonly target: Place;
    readonly moved: Found;
    readonly replaced: Found | undefined;
    readonly isExchange: boolean;
  },
): void {
  const { caller, tree } = operation;
  const isMovedDirectory = isDirectory(moved.inode);
  const changesParent = source.parent !== target.parent;
  requireRemoval(source.directory, moved.inode, caller);
  if (replaced === undefined) requireRoom(operation, target);
  else {
    requireRemoval(target.directory, replaced.inode, caller);
    const isReplacedDirectory = isDirectory(replaced.inode);
    if (!isExchange && isMovedDirectory && !isReplacedDirectory)
      throw refusal('ENOTDIR', 'a directory replaces directories alone');
    if (!isExchange && !isMovedDirectory && isReplacedDirectory)
      throw refusal('EISDIR', 'a directory is replaced by directories alone');
    // Its `..` changes.
    if (isExchange && isReplacedDirectory && changesParent) requireAccess(replaced.inode, caller, mayWrite);
    if (!isExchange && isReplacedDirectory && !tree.isEmpty(replaced.node)) {
      if (isMovedDirectory && changesParent) requireAccess(moved.inode, caller, mayWrite);
      throw refusal('ENOTEMPTY', 'the directory to be replaced is not empty');
    }
  }
  if (!isMovedDirectory || !changesParent) return;
  requireAccess(moved.inode, caller, mayWrite);
  const addsDirectory = replaced === undefined || !isDirectory(replaced.inode);
  if (addsDirectory && target.directory.nlink >= maximumLinks)
    throw refusal('EMLINK', 'the directory has too many subdirectories');
}

interface Move {
  readonly source: Place;
  readonly target: Place;
  readonly moved: FoundEntry;
}

function move(
  operation: Operation,
  { source, target, moved, replaced }: Move & { readonly replaced: FoundEntry | undefined },
): void {
  const { tree, nowNs } = operation;
  const isMovedDirectory = isDirectory(moved.inode);
  tree.removeEntry(source.parent, source.name, moved.entry);
  operation.tell(source.parent, 'entries', source.name);
  const left = operation.change(source.parent, {
    ...touched(source.directory, nowNs),
    nlink: source.directory.nlink - (isMovedDirectory ? 1 : 0),
  });
  const directory = source.parent === target.parent ? left : target.directory;
  if (replaced === undefined) addName(operation, { ...target, directory }, moved.node, moved.inode);
  else {
    replaceEntry(operation, target, replaced.entry, moved);
    const isReplacedDirectory = isDirectory(replaced.inode);
    operation.change(target.parent, {
      ...touched(directory, nowNs),
      nlink: directory.nlink + (isMovedDirectory ? 1 : 0) - (isReplacedDirectory ? 1 : 0),
    });
    if (isReplacedDirectory) dropDirectory(operation, replaced);
    else dropLink(operation, replaced);
  }
  settle(operation, moved, target.parent);
}

function exchange(operation: Operation, move: Move & { readonly replaced: FoundEntry }): void {
  const { source, target, moved, replaced } = move;
  const { nowNs } = operation;
  replaceEntry(operation, source, moved.entry, replaced);
  replaceEntry(operation, target, replaced.entry, moved);
  const more = (isDirectory(moved.inode) ? 1 : 0) - (isDirectory(replaced.inode) ? 1 : 0);
  if (source.parent === target.parent) operation.change(source.parent, touched(source.directory, nowNs));
  else {
    operation.change(source.parent, {
      ...touched(source.directory, nowNs),
      nlink: source.directory.nlink - more,
    });
    operation.change(target.parent, {
      ...touched(target.directory, nowNs),
      nlink: target.directory.nlink + more,
    });
  }
  settle(operation, moved, target.parent);
  settle(operation, replaced, source.parent);
}

/** The name keeps its place in the directory and stands for another node. */
function replaceEntry(operation: Operation, place: Place, { cookie }: Entry, { node, inode }: Found): void {
  operation.tree.putEntry(place.parent, place.name, { node, cookie, type: entryTypeOf(inode.mode) });
  operation.tell(place.parent, 'entries', place.name);
}

function settle(operation: Operation, { node, inode }: Found, parent: number): void {
  const settled: Inode = { ...inode, ctimeNs: operation.nowNs };
  operation.change(node, isDirectory(inode) ? { ...settled, parent } : settled);
  operation.tell(node, 'attributes');
}
