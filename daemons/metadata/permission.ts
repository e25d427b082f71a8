/** Who may do what: the rules of the Linux VFS (fs/namei.c, fs/attr.c), path_resolution(7), inode(7). */
import { aclAllows } from './access-list.ts';
import { type Caller, isInGroup } from './caller.ts';
import { refusal } from './errno-error.ts';
import { isDirectory, stickyBit } from './file-mode.ts';
import type { Inode } from './inode.ts';

export const mayRead = 4;
export const mayWrite = 2;
export const mayExecute = 1;

export function isOwner(inode: Inode, caller: Caller): boolean {
  return caller.userId !== 0 && inode.owner === caller.userId;
}

/** As access(2) answers, for all of the wanted rights together. */
export function allows(inode: Inode, caller: Caller, wanted: number): boolean {
  const { mode, group, accessAcl } = inode;
  // CAP_DAC_OVERRIDE executes a file only where somebody may.
  if (caller.isSuperuser) return (wanted & mayExecute) === 0 || isDirectory(inode) || (mode & 0o111) !== 0;
  if (isOwner(inode, caller)) return ((mode >> 6) & wanted) === wanted;
  // As Linux: an empty mask takes the list out of the question (acl_permission_check), and who is not in the file's group is an other.
  if (accessAcl !== undefined && (mode & 0o070) !== 0) {
    const who = {
      userId: caller.userId,
      isInGroup: (id: number) => isInGroup(caller, id),
      fileGroup: group,
    };
    return aclAllows(accessAcl, who, wanted);
  }
  return ((isInGroup(caller, group) ? mode >> 3 : mode) & wanted) === wanted;
}

/** @throws ErrnoError EACCES */
export function requireAccess(inode: Inode, caller: Caller, wanted: number): void {
  if (!allows(inode, caller, wanted)) throw refusal('EACCES', 'permission denied');
}

/** @throws ErrnoError EPERM unless the caller owns the file or is the superuser */
export function requireOwner(inode: Inode, caller: Caller): void {
  if (!caller.isSuperuser && !isOwner(inode, caller)) throw refusal('EPERM', 'only its owner may do that');
}

/** @throws ErrnoError EPERM */
export function requireSuperuser(caller: Caller, what: string): void {
  if (!caller.isSuperuser) throw refusal('EPERM', `only the superuser may ${what}`);
}

/** To take an entry out of a directory. @throws ErrnoError EACCES, EPERM in a sticky directory of somebody else */
export function requireRemoval(directory: Inode, victim: Inode, caller: Caller): void {
  requireAccess(directory, caller, mayWrite | mayExecute);
  if ((directory.mode & stickyBit) === 0 || caller.isSuperuser) return;
  if (!isOwner(victim, caller) && !isOwner(directory, caller))
    throw refusal('EPERM', 'the directory is sticky, and neither it nor the file is yours');
}
