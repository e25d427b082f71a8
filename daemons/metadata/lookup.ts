/** Operations that change nothing. */
import type { Caller } from './caller.ts';
import { refusal } from './errno-error.ts';
import { directoryType, entryTypeOf, isSymbolicLink } from './file-mode.ts';
import { checkName } from './file-name.ts';
import type { Inode } from './inode.ts';
import { allows, mayExecute, mayRead, requireAccess } from './permission.ts';
import type { NamedEntry, TreeReader } from './tree.ts';

export interface Found {
  readonly node: number;
  readonly inode: Inode;
}

/** @throws ErrnoError ESTALE, ENOTDIR, EACCES, ENAMETOOLONG, ENOENT */
export function lookup(tree: TreeReader, caller: Caller, parent: number, name: Uint8Array): Found {
  const directory = tree.getDirectory(parent);
  requireAccess(directory, caller, mayExecute);
  const kind = checkName(name);
  if (kind === 'self') return { node: parent, inode: directory };
  if (kind === 'parent') return { node: directory.parent, inode: tree.get(directory.parent) };
  const entry = tree.entry(parent, name);
  if (entry === undefined) throw refusal('ENOENT', 'no such name in the directory');
  return { node: entry.node, inode: tree.get(entry.node) };
}

/** @throws ErrnoError ESTALE, EINVAL when it is no symbolic link */
export function readLink(tree: TreeReader, node: number): Buffer {
  const inode = tree.get(node);
  if (!isSymbolicLink(inode) || inode.target === undefined) throw refusal('EINVAL', 'no symbolic link');
  return inode.target;
}

/** As access(2) with the caller's effective ids; no rights wanted is whether the file is there. @throws ErrnoError ESTALE, EINVAL, EACCES */
export function checkAccess(tree: TreeReader, caller: Caller, node: number, wanted: number): void {
  if ((wanted & ~7) !== 0) throw refusal('EINVAL', 'no such right');
  requireAccess(tree.get(node), caller, wanted);
}

export interface ListedEntry extends NamedEntry {
  /** Where the caller may search the directory, when it was asked for. */
  readonly inode?: Inode;
}

const selfName = Buffer.from('.');
const parentName = Buffer.from('..');

/**
 * Entries after a cookie (0: from the beginning), `.` and `..` first. Each entry keeps its cookie as long as it is there, so that who
 * reads on while others add and remove meets every entry that was there all the time, and none twice.
 * @param mayList the caller opened the directory when that was allowed
 */
export function* list(
  tree: TreeReader,
  caller: Caller,
  node: number,
  options: { readonly after: number; readonly withInodes: boolean; readonly mayList: boolean },
): Generator<ListedEntry> {
  const directory = tree.getDirectory(node);
  if (!options.mayList) requireAccess(directory, caller, mayRead);
  const { after } = options;
  const withInodes = options.withInodes && allows(directory, caller, mayExecute);
  const dots = [
    { name: selfName, node, cookie: 1, type: entryTypeOf(directoryType) },
    { name: parentName, node: directory.parent, cookie: 2, type: entryTypeOf(directoryType) },
  ];
  for (const dot of dots) if (dot.cookie > after) yield dot;
  for (const entry of tree.entries(node, after)) {
    const inode = withInodes ? tree.find(entry.node) : undefined;
    yield inode === undefined ? entry : { ...entry, inode };
  }
}
