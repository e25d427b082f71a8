/** unlink(2) and rmdir(2). */
import { findPlace, requireEntry, touched } from './directory-change.ts';
import { refusal } from './errno-error.ts';
import { isDirectory } from './file-mode.ts';
import { rootNode } from './inode.ts';
import type { Found } from './lookup.ts';
import type { Operation } from './operation.ts';
import { requireRemoval } from './permission.ts';

/** @returns what the name stood for, as it was. @throws ErrnoError ESTALE, ENOTDIR, EACCES, ENAMETOOLONG, ENOENT, EPERM, EISDIR */
export function unlinkNode(operation: Operation, parent: number, name: Uint8Array): Found {
  const { tree, caller, nowNs } = operation;
  const isDots = () => refusal('EISDIR', 'a directory');
  const place = findPlace(operation, parent, name, { self: isDots, parent: isDots });
  const { entry, node, inode } = requireEntry(operation, place);
  requireRemoval(place.directory, inode, caller);
  if (isDirectory(inode)) throw refusal('EISDIR', 'a directory');
  tree.removeEntry(parent, name, entry);
  operation.change(parent, touched(place.directory, nowNs));
  operation.tell(parent, 'entries', name);
  dropLink(operation, { node, inode });
  return { node, inode };
}

/** Takes a link away, and with the last one the file. */
export function dropLink(operation: Operation, { node, inode }: Found): void {
  const left = { ...inode, nlink: inode.nlink - 1, ctimeNs: operation.nowNs };
  operation.tell(node, 'attributes');
  if (left.nlink === 0) operation.drop(node, left);
  else operation.change(node, left);
}

/** @throws ErrnoError ESTALE, ENOTDIR, EACCES, ENAMETOOLONG, ENOENT, EPERM, EINVAL, ENOTEMPTY, EBUSY */
export function removeDirectory(operation: Operation, parent: number, name: Uint8Array): Found {
  const { tree, caller, nowNs } = operation;
  const place = findPlace(operation, parent, name, {
    self: () => refusal('EINVAL', 'a directory is not removed as "."'),
    parent: () => refusal('ENOTEMPTY', 'a directory that holds the present one'),
  });
  const { entry, node, inode } = requireEntry(operation, place);
  requireRemoval(place.directory, inode, caller);
  if (!isDirectory(inode)) throw refusal('ENOTDIR', 'no directory');
  if (!tree.isEmpty(node)) throw refusal('ENOTEMPTY', 'the directory is not empty');
  tree.removeEntry(parent, name, entry);
  operation.change(parent, {
    ...touched(place.directory, nowNs),
    nlink: place.directory.nlink - 1,
  });
  operation.tell(parent, 'entries', name);
  dropDirectory(operation, { node, inode });
  return { node, inode };
}

/** An empty directory loses its name. */
export function dropDirectory(operation: Operation, { node, inode }: Found): void {
  if (node === rootNode) throw refusal('EBUSY', 'the root of the volume');
  operation.tell(node, 'attributes');
  operation.drop(node, { ...inode, nlink: 0, ctimeNs: operation.nowNs });
}
