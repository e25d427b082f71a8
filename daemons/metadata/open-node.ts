/** open(2) of what is there: the order of checks of may_open in fs/namei.c. */
import type { Caller } from './caller.ts';
import { refusal } from './errno-error.ts';
import { isDirectory, isRegular, isSymbolicLink } from './file-mode.ts';
import type { Inode } from './inode.ts';
import { isOwner, mayExecute, mayRead, mayWrite, requireAccess } from './permission.ts';

/** Flags of open(2) of Linux that count here, in the numbers of asm-generic. */
export const openFlags = {
  accessMode: 0o3,
  truncate: 0o1000,
  append: 0o2000,
  noAccessTime: 0o1000000,
  /** Of the kernel alone: the file is opened to be executed. */
  execute: 0o40,
} as const;

export interface OpenAccess {
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** Of the capability: O_RDONLY 0, O_WRONLY 1, O_RDWR 2. */
  readonly accessMode: number;
}

/** @throws ErrnoError EINVAL */
export function accessOf(flags: number): OpenAccess {
  const accessMode = flags & openFlags.accessMode;
  if (accessMode === 3) throw refusal('EINVAL', 'no such access mode');
  return { accessMode, canRead: accessMode !== 1, canWrite: accessMode !== 0 };
}

/** @throws ErrnoError EINVAL, ELOOP, EISDIR, EACCES, EPERM, ENXIO for what has no content here */
export function requireOpen(inode: Inode, caller: Caller, flags: number): OpenAccess {
  const access = accessOf(flags);
  const truncates = (flags & openFlags.truncate) !== 0;
  if (isSymbolicLink(inode)) throw refusal('ELOOP', 'a symbolic link is not opened');
  if (isDirectory(inode) && (access.canWrite || truncates)) throw refusal('EISDIR', 'a directory');
  const isExecuted = (flags & openFlags.execute) !== 0;
  if (isExecuted && !isRegular(inode)) throw refusal('EACCES', 'only regular files are executed');
  let wanted = (access.canRead ? mayRead : 0) | (access.canWrite || truncates ? mayWrite : 0);
  // A file is executed by whoever may, readable or not.
  if (isExecuted) wanted = (wanted & ~mayRead) | mayExecute;
  requireAccess(inode, caller, wanted);
  if ((flags & openFlags.noAccessTime) !== 0 && !caller.isSuperuser && !isOwner(inode, caller))
    throw refusal('EPERM', 'only its owner reads a file and leaves its time as it is');
  if (!isRegular(inode) && !isDirectory(inode))
    throw refusal('ENXIO', 'pipes, sockets and devices are the kernel’s');
  return access;
}
