/** What all operations that change a directory have in common. */
import { refusal } from './errno-error.ts';
import { entryTypeOf, isDirectory } from './file-mode.ts';
import { checkName } from './file-name.ts';
import type { Inode } from './inode.ts';
import type { Found } from './lookup.ts';
import type { Operation } from './operation.ts';
import { mayExecute, mayWrite, requireAccess } from './permission.ts';
import type { Entry } from './tree.ts';

/** A name in a directory that may be searched, and what is there. */
export interface Place {
  readonly parent: number;
  readonly directory: Inode;
  readonly name: Uint8Array;
  readonly entry: Entry | undefined;
}

/**
 * Searches as path resolution does before the operation itself is judged.
 * @throws ErrnoError ESTALE, ENOTDIR, EACCES, ENAMETOOLONG, ENOENT, EINVAL; what `dots` says for `.` and `..`
 */
export function findPlace(
  { tree, caller }: Operation,
  parent: number,
  name: Uint8Array,
  dots: { readonly self: () => Error; readonly parent: () => Error },
): Place {
  const directory = tree.getDirectory(parent);
  requireAccess(directory, caller, mayExecute);
  const kind = checkName(name);
  if (kind !== 'name') throw dots[kind]();
  return { parent, directory, name, entry: tree.entry(parent, name) };
}

const taken = () => refusal('EEXIST', 'the name is taken');

/** A place for something new. @throws ErrnoError as `findPlace`, EEXIST, ENOENT in a directory that was removed, EACCES */
export function findFreePlace(operation: Operation, parent: number, name: Uint8Array): Place {
  const place = findPlace(operation, parent, name, { self: taken, parent: taken });
  if (place.entry !== undefined) throw taken();
  requireRoom(operation, place);
  return place;
}

/** @throws ErrnoError ENOENT in a directory that was removed, EACCES where nothing may be added */
export function requireRoom({ caller }: Operation, { directory }: Place): void {
  if (directory.nlink === 0) throw refusal('ENOENT', 'the directory was removed');
  requireAccess(directory, caller, mayWrite | mayExecute);
}

/** @throws ErrnoError ENOENT */
export function requireEntry({ tree }: Operation, { entry }: Place): Found & { readonly entry: Entry } {
  if (entry === undefined) throw refusal('ENOENT', 'no such name in the directory');
  return { entry, node: entry.node, inode: tree.get(entry.node) };
}

/** A directory whose entries changed. */
export function touched(directory: Inode, nowNs: bigint): Inode {
  return { ...directory, mtimeNs: nowNs, ctimeNs: nowNs };
}

/** Gives a node a name; the directory that `place` has is the present one. @returns the directory as it is then */
export function addName(operation: Operation, place: Place, node: number, inode: Inode): Inode {
  const { parent, directory, name } = place;
  operation.tree.putEntry(parent, name, {
    node,
    cookie: directory.nextCookie,
    type: entryTypeOf(inode.mode),
  });
  operation.tell(parent, 'entries', name);
  return operation.change(parent, {
    ...touched(directory, operation.nowNs),
    nextCookie: directory.nextCookie + 1,
    nlink: directory.nlink + (isDirectory(inode) ? 1 : 0),
  });
}
