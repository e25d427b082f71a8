/** xattr(7): namespaces, permissions and limits as fs/xattr.c and ext4 have them; access control lists in their own form. */
import { type Acl, checkAcl, isMinimal, modeBitsOf } from './access-list.ts';
import { type Caller, isInGroup } from './caller.ts';
import { refusal } from './errno-error.ts';
import { isDirectory, isRegular, isSymbolicLink, setGroupId, stickyBit } from './file-mode.ts';
import type { Inode } from './inode.ts';
import type { Operation } from './operation.ts';
import { isOwner, mayRead, mayWrite, requireAccess, requireOwner, requireSuperuser } from './permission.ts';
import type { TreeReader } from './tree.ts';

export const maximumAttributeNameBytes = 255;
/** XATTR_SIZE_MAX. */
export const maximumValueBytes = 65_536;
/** XATTR_LIST_MAX: names beyond it could not be listed any more, so they are not taken. */
const maximumListBytes = 65_536;

export const accessAclName = 'system.posix_acl_access';
export const defaultAclName = 'system.posix_acl_default';

export const createOnly = 1;
export const replaceOnly = 2;

type Namespace = 'user' | 'trusted' | 'security';

function namespaceOf(name: Buffer): Namespace {
  if (name.length === 0 || name.length > maximumAttributeNameBytes)
    throw refusal('ERANGE', 'a name of 1 to 255 bytes is allowed');
  if (name.includes(0)) throw refusal('EINVAL', 'a name with NUL');
  for (const namespace of ['user', 'trusted', 'security'] as const) {
    if (!name.subarray(0, namespace.length + 1).equals(Buffer.from(`${namespace}.`))) continue;
    if (name.length === namespace.length + 1)
      throw refusal('EINVAL', 'a name with nothing after its namespace');
    return namespace;
  }
  throw refusal('EOPNOTSUPP', 'no such namespace of attributes');
}

const noData = () => refusal('ENODATA', 'the file has no such attribute');

/** @throws ErrnoError ESTALE, ERANGE, EINVAL, EOPNOTSUPP, EACCES, ENODATA */
export function getAttribute(tree: TreeReader, caller: Caller, node: number, name: Buffer): Buffer {
  const namespace = namespaceOf(name);
  const inode = tree.get(node);
  if (namespace === 'trusted' && !caller.isSuperuser) throw noData();
  if (namespace === 'user') {
    if (!isDirectory(inode) && !isRegular(inode)) throw noData();
    requireAccess(inode, caller, mayRead);
  }
  const value = inode.hasAttributes ? tree.attribute(node, name) : undefined;
  if (value === undefined) throw noData();
  return value;
}

/** Names that the caller may know, those of access control lists among them. */
export function listAttributes(tree: TreeReader, caller: Caller, node: number): Buffer[] {
  const inode = tree.get(node);
  const names: Buffer[] = [];
  if (inode.accessAcl !== undefined) names.push(Buffer.from(accessAclName));
  if (inode.defaultAcl !== undefined) names.push(Buffer.from(defaultAclName));
  if (!inode.hasAttributes) return names;
  const trusted = Buffer.from('trusted.');
  for (const { name } of tree.attributes(node))
    if (caller.isSuperuser || !name.subarray(0, trusted.length).equals(trusted)) names.push(name);
  return names;
}

function requireChange(inode: Inode, caller: Caller, namespace: Namespace): void {
  if (namespace === 'trusted') requireSuperuser(caller, 'change trusted attributes');
  if (namespace === 'security') requireSuperuser(caller, 'change security attributes');
  if (namespace !== 'user') return;
  if (!isDirectory(inode) && !isRegular(inode))
    throw refusal('EPERM', 'only files and directories have attributes of users');
  if (isDirectory(inode) && (inode.mode & stickyBit) !== 0 && !caller.isSuperuser && !isOwner(inode, caller))
    throw refusal('EPERM', 'the attributes of a sticky directory are its owner’s');
  requireAccess(inode, caller, mayWrite);
}

/** @throws ErrnoError ESTALE, ERANGE, EINVAL, EOPNOTSUPP, EPERM, EACCES, E2BIG, EEXIST, ENODATA, ENOSPC */
export function setAttribute(
  operation: Operation,
  node: number,
  name: Buffer,
  value: Uint8Array,
  flags: number,
): Inode {
  const { tree, caller, nowNs } = operation;
  if ((flags & ~(createOnly | replaceOnly)) !== 0) throw refusal('EINVAL', 'no such way of setting');
  const namespace = namespaceOf(name);
  if (value.length > maximumValueBytes) throw refusal('E2BIG', 'a value of 64 KiB at most is allowed');
  const inode = tree.get(node);
  requireChange(inode, caller, namespace);
  const known = inode.hasAttributes && tree.attribute(node, name) !== undefined;
  if (known && (flags & createOnly) !== 0) throw refusal('EEXIST', 'the file has the attribute');
  if (!known && (flags & replaceOnly) !== 0) throw noData();
  if (!known && inode.hasAttributes) requireRoom(tree, node, name);
  tree.putAttribute(node, name, value);
  operation.tell(node, 'attributes');
  return operation.change(node, { ...inode, hasAttributes: true, ctimeNs: nowNs });
}

function requireRoom(tree: TreeReader, node: number, added: Buffer): void {
  let bytes = added.length + 1 + accessAclName.length + 1 + defaultAclName.length + 1;
  for (const { name } of tree.attributes(node)) bytes += name.length + 1;
  if (bytes > maximumListBytes) throw refusal('ENOSPC', 'no room for the names of more attributes');
}

/** @throws ErrnoError ESTALE, ERANGE, EINVAL, EOPNOTSUPP, EPERM, EACCES, ENODATA */
export function removeAttribute(operation: Operation, node: number, name: Buffer): Inode {
  const { tree, caller, nowNs } = operation;
  const namespace = namespaceOf(name);
  const inode = tree.get(node);
  requireChange(inode, caller, namespace);
  if (!tree.removeAttribute(node, name)) throw noData();
  const isLast = tree.attributes(node).next().done === true;
  operation.tell(node, 'attributes');
  return operation.change(node, { ...inode, hasAttributes: !isLast, ctimeNs: nowNs });
}

export type AclKind = 'access' | 'default';

/** @throws ErrnoError ESTALE, EOPNOTSUPP for symbolic links, ENODATA */
export function getAcl(tree: TreeReader, node: number, kind: AclKind): Acl {
  const inode = tree.get(node);
  if (isSymbolicLink(inode)) throw refusal('EOPNOTSUPP', 'a symbolic link has no access control list');
  const acl = kind === 'access' ? inode.accessAcl : inode.defaultAcl;
  if (acl === undefined) throw noData();
  return acl;
}

/**
 * @param acl undefined takes it away; one that says what a mode can say becomes the mode
 * @throws ErrnoError ESTALE, EOPNOTSUPP, EPERM, EACCES, EINVAL, ENOSPC
 */
export function setAcl(operation: Operation, node: number, kind: AclKind, acl: Acl | undefined): Inode {
  const { tree, caller, nowNs } = operation;
  const inode = tree.get(node);
  if (isSymbolicLink(inode)) throw refusal('EOPNOTSUPP', 'a symbolic link has no access control list');
  if (kind === 'default' && !isDirectory(inode)) {
    if (acl === undefined) return inode;
    throw refusal('EACCES', 'only a directory has a default access control list');
  }
  requireOwner(inode, caller);
  if (acl !== undefined) checkAcl(acl);
  const { accessAcl, defaultAcl, ...rest } = inode;
  let next: Inode;
  if (kind === 'default')
    next = {
      ...rest,
      ...(accessAcl === undefined ? {} : { accessAcl }),
      ...(acl === undefined || acl.length === 0 ? {} : { defaultAcl: acl }),
    };
  else {
    let { mode } = inode;
    if (acl !== undefined) {
      mode = (mode & ~0o777) | modeBitsOf(acl);
      if (!caller.isSuperuser && !isInGroup(caller, inode.group)) mode &= ~setGroupId;
    }
    next = {
      ...rest,
      mode,
      ...(acl === undefined || isMinimal(acl) ? {} : { accessAcl: acl }),
      ...(defaultAcl === undefined ? {} : { defaultAcl }),
    };
  }
  operation.tell(node, 'attributes');
  return operation.change(node, { ...next, ctimeNs: nowNs });
}
