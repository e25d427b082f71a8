/** Paths as XtreemFS's clients send them: from the root of the volume, the links on the way resolved by the client's kernel. */
import type { Caller } from './caller.ts';
import { refusal } from './errno-error.ts';
import { maximumPathBytes } from './file-name.ts';
import { rootNode } from './inode.ts';
import { type Found, lookup } from './lookup.ts';
import type { Name } from './rename-node.ts';
import type { TreeReader } from './tree.ts';

/** @throws ErrnoError ENAMETOOLONG */
function namesOf(path: string): readonly Buffer[] {
  if (Buffer.byteLength(path) > maximumPathBytes) throw refusal('ENAMETOOLONG', 'the path is too long');
  return path
    .split('/')
    .filter((name) => name !== '')
    .map((name) => Buffer.from(name, 'utf8'));
}

function descend(tree: TreeReader, caller: Caller, names: readonly Buffer[]): Found {
  let found: Found = { node: rootNode, inode: tree.get(rootNode) };
  for (const name of names) found = lookup(tree, caller, found.node, name);
  return found;
}

/** What the path leads to, with the rights of the caller. @throws ErrnoError ENOENT, ENOTDIR, EACCES, ENAMETOOLONG */
export function walk(tree: TreeReader, caller: Caller, path: string): Found {
  return descend(tree, caller, namesOf(path));
}

/** The directory that has the path's last name, and that name; the root is `.` in itself. @throws ErrnoError as `walk` */
export function placeOf(tree: TreeReader, caller: Caller, path: string): Name {
  const names = namesOf(path);
  return {
    parent: descend(tree, caller, names.slice(0, -1)).node,
    name: names.at(-1) ?? Buffer.from('.'),
  };
}
