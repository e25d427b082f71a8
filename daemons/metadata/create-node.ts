/** mknod(2), mkdir(2), symlink(2), open(2) with O_TMPFILE, link(2). */
import { inherited, isMinimal } from './access-list.ts';
import { isInGroup } from './caller.ts';
import { addName, findFreePlace } from './directory-change.ts';
import { refusal } from './errno-error.ts';
import {
  blockType,
  changeableBits,
  characterType,
  directoryType,
  fifoType,
  groupExecute,
  isDirectory,
  isSymbolicLink,
  linkType,
  regularType,
  setGroupId,
  socketType,
  typeMask,
} from './file-mode.ts';
import { maximumPathBytes } from './file-name.ts';
import { firstCookie, type Inode, type Layout, maximumLinks } from './inode.ts';
import type { Found } from './lookup.ts';
import type { Operation } from './operation.ts';
import { mayExecute, mayWrite, requireAccess, requireSuperuser } from './permission.ts';

export interface NewNode {
  /** Type and permissions. */
  readonly mode: number;
  /** Of the process; where the directory has a default access control list that counts instead (umask(2)). */
  readonly umask: number;
  readonly rdev?: number;
  readonly target?: Uint8Array;
}

/** Where a regular file's objects will be; asked when nothing else is in the way any more. */
export type ChooseLayout = () => Layout | undefined;

const knownTypes = [regularType, fifoType, socketType, characterType, blockType, directoryType, linkType];

/** @throws ErrnoError as `findFreePlace`; EINVAL, EPERM, EMLINK, ENAMETOOLONG, EDQUOT, ENOSPC */
export function createNode(
  operation: Operation,
  parent: number,
  name: Uint8Array,
  wanted: NewNode,
  layout: ChooseLayout = () => undefined,
): Found {
  const { caller, tree } = operation;
  const type = wanted.mode & typeMask;
  if (!knownTypes.includes(type)) throw refusal('EINVAL', 'no such type of file');
  const { target } = wanted;
  if (target !== undefined && target.length === 0) throw refusal('ENOENT', 'an empty link');
  if (target !== undefined && target.length > maximumPathBytes)
    throw refusal('ENAMETOOLONG', 'the link is too long');
  if (target?.includes(0) === true) throw refusal('EINVAL', 'a link with a NUL byte');
  const place = findFreePlace(operation, parent, name);
  if (type === characterType || type === blockType) requireSuperuser(caller, 'make devices');
  if (type === directoryType && place.directory.nlink >= maximumLinks)
    throw refusal('EMLINK', 'the directory has too many subdirectories');
  const node = operation.takeNode();
  const inode = newInode(operation, place.directory, wanted, {
    nlink: type === directoryType ? 2 : 1,
    parent: type === directoryType ? parent : 0,
    layout: layout(),
  });
  operation.charge(inode.owner, 0, 1);
  tree.put(node, inode);
  addName(operation, place, node, inode);
  return { node, inode };
}

/** A regular file without a name, which stays as long as it is open or until `link` names it. @throws ErrnoError */
export function createNameless(
  operation: Operation,
  parent: number,
  wanted: NewNode,
  layout: ChooseLayout = () => undefined,
): Found {
  const directory = operation.tree.getDirectory(parent);
  if (directory.nlink === 0) throw refusal('ENOENT', 'the directory was removed');
  requireAccess(directory, operation.caller, mayWrite | mayExecute);
  const node = operation.takeNode();
  const mode = (wanted.mode & ~typeMask) | regularType;
  const inode = newInode(
    operation,
    directory,
    { ...wanted, mode },
    { nlink: 0, parent: 0, layout: layout() },
  );
  operation.charge(inode.owner, 0, 1);
  operation.keepOrphan(node, { ...inode, isLinkable: true });
  return { node, inode: operation.tree.get(node) };
}

function newInode(
  operation: Operation,
  directory: Inode,
  { mode: wantedMode, umask, rdev = 0, target }: NewNode,
  {
    nlink,
    parent,
    layout,
  }: { readonly nlink: number; readonly parent: number; readonly layout: Layout | undefined },
): Inode {
  const { caller, nowNs } = operation;
  const isNewDirectory = isDirectory({ mode: wantedMode });
  const isLink = isSymbolicLink({ mode: wantedMode });
  const givesGroup = (directory.mode & setGroupId) !== 0;
  const group = givesGroup ? directory.group : operation.idOf(caller.groups[0] ?? caller.name);
  // mkdir(2) gives neither of the set-ID bits; a directory has set-group-ID of the one that it is in.
  let mode = wantedMode & (typeMask | (isNewDirectory ? 0o1777 : changeableBits));
  if (isLink) mode = linkType | 0o777;
  else if (givesGroup && isNewDirectory) mode |= setGroupId;
  else if (givesGroup && isPrivilegedGroupMode(mode) && !caller.isSuperuser && !isInGroup(caller, group))
    mode &= ~setGroupId;
  const { defaultAcl, striping } = directory;
  const isInheriting = defaultAcl !== undefined && !isLink;
  const given = isInheriting ? inherited(defaultAcl, mode) : undefined;
  if (given !== undefined) mode = given.mode;
  else if (!isLink) mode &= ~(umask & 0o777);
  return {
    mode,
    nlink,
    owner: operation.idOf(caller.name),
    group,
    size: target?.length ?? 0,
    atimeNs: nowNs,
    mtimeNs: nowNs,
    ctimeNs: nowNs,
    truncateEpoch: 0,
    rdev: (wantedMode & typeMask) === characterType || (wantedMode & typeMask) === blockType ? rdev : 0,
    change: 1,
    parent,
    nextCookie: isNewDirectory ? firstCookie : 0,
    isLinkable: false,
    hasAttributes: false,
    mayHaveHoles: false,
    ...(target === undefined ? {} : { target: Buffer.from(target) }),
    ...(layout === undefined ? {} : { layout }),
    ...(given === undefined || isMinimal(given.acl) ? {} : { accessAcl: given.acl }),
    ...(isNewDirectory && defaultAcl !== undefined ? { defaultAcl } : {}),
    ...(isNewDirectory && striping !== undefined ? { striping } : {}),
  };
}

function isPrivilegedGroupMode(mode: number): boolean {
  return (mode & (setGroupId | groupExecute)) === (setGroupId | groupExecute);
}

/** @throws ErrnoError as `findFreePlace`; EPERM for directories, EMLINK, ENOENT for what is removed already */
export function linkNode(operation: Operation, node: number, parent: number, name: Uint8Array): Found {
  const { tree, nowNs } = operation;
  const inode = tree.get(node);
  const place = findFreePlace(operation, parent, name);
  if (isDirectory(inode)) throw refusal('EPERM', 'a directory has one name alone');
  if (inode.nlink === 0 && !inode.isLinkable) throw refusal('ENOENT', 'the file was removed');
  if (inode.nlink >= maximumLinks) throw refusal('EMLINK', 'the file has too many links');
  const linked = operation.change(node, {
    ...inode,
    nlink: inode.nlink + 1,
    ctimeNs: nowNs,
    isLinkable: false,
  });
  if (inode.nlink === 0) operation.forgetOrphan(node);
  addName(operation, place, node, linked);
  operation.tell(node, 'attributes');
  return { node, inode: linked };
}
