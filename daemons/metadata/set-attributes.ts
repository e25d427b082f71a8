/** chmod(2), chown(2), truncate(2), utimensat(2), and what clients tell of sizes: the rules of fs/attr.c of Linux. */
import { withModeBits } from './access-list.ts';
import { isInGroup } from './caller.ts';
import { refusal } from './errno-error.ts';
import {
  changeableBits,
  isDirectory,
  isRegular,
  isSymbolicLink,
  setGroupId,
  withoutPrivilege,
} from './file-mode.ts';
import { type Inode, maximumFileBytes, withSize } from './inode.ts';
import type { Operation } from './operation.ts';
import { allows, isOwner, mayWrite, requireAccess, requireOwner } from './permission.ts';

/** A time to set; 'now' is the server's. */
export type NewTime = bigint | 'now';

export interface AttributeChanges {
  readonly mode?: number;
  /** Names. */
  readonly owner?: string;
  readonly group?: string;
  readonly size?: number;
  readonly atime?: NewTime;
  readonly mtime?: NewTime;
}

export interface AttributeOptions {
  /** The caller opened the file for writing when that was allowed: ftruncate(2). */
  readonly isOpenForWriting?: boolean;
}

/**
 * All of the changes or none. ctime is the time of the change, whatever it is.
 * @throws ErrnoError ESTALE, EPERM, EACCES, EINVAL, EISDIR, EFBIG, EOPNOTSUPP, EDQUOT, ENOSPC
 */
export function setAttributes(
  operation: Operation,
  node: number,
  changes: AttributeChanges,
  { isOpenForWriting = false }: AttributeOptions = {},
): Inode {
  const before = operation.tree.get(node);
  let inode = before;
  if (changes.size !== undefined) inode = withNewSize(operation, inode, changes.size, isOpenForWriting);
  if (changes.owner !== undefined || changes.group !== undefined)
    inode = withOwner(operation, inode, changes);
  if (changes.mode !== undefined) inode = withMode(operation, inode, changes.mode);
  if (changes.atime !== undefined || changes.mtime !== undefined)
    inode = withTimes(operation, inode, changes);
  if (inode === before) return inode;
  const changed = operation.change(node, { ...inode, ctimeNs: operation.nowNs });
  if (changes.size !== undefined) {
    operation.truncateObjects(node, changed);
    operation.tell(node, 'data');
  }
  operation.tell(node, 'attributes');
  return changed;
}

function withMode({ caller }: Operation, inode: Inode, wanted: number): Inode {
  requireOwner(inode, caller);
  if (isSymbolicLink(inode)) throw refusal('EOPNOTSUPP', 'a symbolic link has no permissions of its own');
  let bits = wanted & changeableBits;
  // Nobody gives the rights of a group that he is not in.
  if (!caller.isSuperuser && !isInGroup(caller, inode.group)) bits &= ~setGroupId;
  const { accessAcl } = inode;
  return {
    ...inode,
    mode: (inode.mode & ~changeableBits) | bits,
    ...(accessAcl === undefined ? {} : { accessAcl: withModeBits(accessAcl, bits) }),
  };
}

function withOwner(operation: Operation, inode: Inode, { owner, group }: AttributeChanges): Inode {
  const { caller } = operation;
  const newOwner = owner === undefined ? inode.owner : operation.idOf(owner);
  const newGroup = group === undefined ? inode.group : operation.idOf(group);
  const isOwn = isOwner(inode, caller);
  if (!caller.isSuperuser) {
    if (owner !== undefined && !(isOwn && newOwner === inode.owner))
      throw refusal('EPERM', 'only the superuser gives files away');
    // By its name: one that no file had before has no id that the caller could have.
    if (group !== undefined && !(isOwn && (newGroup === inode.group || caller.groups.includes(group))))
      throw refusal('EPERM', 'an owner gives a file to groups alone that he is in');
  }
  if (newOwner !== inode.owner) {
    const bytes = inode.target === undefined ? inode.size : 0;
    operation.charge(inode.owner, -bytes, -1);
    operation.charge(newOwner, bytes, 1);
  }
  // Whoever changes it, the superuser too (chown(2)).
  const mode = isDirectory(inode)
    ? inode.mode
    : withoutPrivilege(inode.mode, caller.isSuperuser || isInGroup(caller, inode.group));
  return { ...inode, owner: newOwner, group: newGroup, mode };
}

function withNewSize(operation: Operation, inode: Inode, size: number, isOpenForWriting: boolean): Inode {
  const { caller, nowNs } = operation;
  if (isDirectory(inode)) throw refusal('EISDIR', 'a directory');
  if (!isRegular(inode)) throw refusal('EINVAL', 'no regular file');
  if (!isOpenForWriting) requireAccess(inode, caller, mayWrite);
  if (size > maximumFileBytes) throw refusal('EFBIG', 'no file can be that large');
  operation.charge(inode.owner, size - inode.size, 0);
  return {
    ...withSize(inode, size),
    mtimeNs: nowNs,
    mode: caller.isSuperuser ? inode.mode : withoutPrivilege(inode.mode, isInGroup(caller, inode.group)),
    // OSDs tell by it what was written before the file was cut from what came after.
    truncateEpoch: inode.truncateEpoch + 1,
  };
}

function withTimes({ caller, nowNs }: Operation, inode: Inode, { atime, mtime }: AttributeChanges): Inode {
  const isNow = (atime === undefined || atime === 'now') && (mtime === undefined || mtime === 'now');
  const isBothNow = atime === 'now' && mtime === 'now';
  if (!caller.isSuperuser && !isOwner(inode, caller)) {
    if (!isNow || !isBothNow) throw refusal('EPERM', 'only its owner sets the times of a file');
    if (!allows(inode, caller, mayWrite)) throw refusal('EACCES', 'only who may write to a file touches it');
  }
  const timeOf = (time: NewTime | undefined, known: bigint) =>
    time === undefined ? known : time === 'now' ? nowNs : time;
  return { ...inode, atimeNs: timeOf(atime, inode.atimeNs), mtimeNs: timeOf(mtime, inode.mtimeNs) };
}

const dayNs = 86_400_000_000_000n;

/** Whether a read sets the time of access, as `relatime` of mount(8): the first one after a change, and one each day. */
export function isAccessDue({ atimeNs, mtimeNs, ctimeNs }: Inode, nowNs: bigint): boolean {
  return atimeNs <= mtimeNs || atimeNs <= ctimeNs || nowNs - atimeNs >= dayNs;
}

/** Somebody read the file or directory, who was allowed to when it was opened. */
export function noteAccess(operation: Operation, node: number): void {
  const inode = operation.tree.find(node);
  if (inode === undefined || !isAccessDue(inode, operation.nowNs)) return;
  operation.change(node, { ...inode, atimeNs: operation.nowNs });
  operation.tell(node, 'attributes');
}

/** What a client wrote, as its OSDs told it. */
export interface WrittenSize {
  readonly size: number;
  readonly truncateEpoch: number;
}

/**
 * Takes over what was written: the size grows, unless the file was cut since. Quotas are enforced here, where sizes become the file's:
 * what is refused stays beyond the end, where nobody reads it.
 * @param leavesHole the file may have holes since, or space beyond its end
 * @throws ErrnoError ESTALE, EINVAL, EFBIG, EDQUOT, ENOSPC
 */
export function updateSize(
  operation: Operation,
  node: number,
  written: WrittenSize | undefined,
  mtimeNs: bigint | undefined,
  leavesHole = false,
): Inode {
  const { tree, nowNs, caller } = operation;
  const inode = tree.get(node);
  if (!isRegular(inode)) throw refusal('EINVAL', 'no regular file');
  if (written !== undefined && written.size > maximumFileBytes)
    throw refusal('EFBIG', 'no file can be that large');
  const grows = written?.truncateEpoch === inode.truncateEpoch && written.size > inode.size;
  const mayHaveHoles = inode.mayHaveHoles || leavesHole;
  if (!grows && mtimeNs === undefined) {
    if (mayHaveHoles === inode.mayHaveHoles) return inode;
    operation.tell(node, 'attributes');
    return operation.change(node, { ...inode, mayHaveHoles });
  }
  const size = grows ? written.size : inode.size;
  if (grows) operation.charge(inode.owner, size - inode.size, 0);
  const changed = operation.change(node, {
    ...inode,
    size,
    mayHaveHoles,
    // Times of other clients' clocks are not let beyond the server's.
    mtimeNs:
      mtimeNs === undefined || mtimeNs > nowNs ? nowNs : mtimeNs > inode.mtimeNs ? mtimeNs : inode.mtimeNs,
    ctimeNs: nowNs,
    mode: caller.isSuperuser ? inode.mode : withoutPrivilege(inode.mode, isInGroup(caller, inode.group)),
  });
  operation.tell(node, 'data');
  operation.tell(node, 'attributes');
  return changed;
}
