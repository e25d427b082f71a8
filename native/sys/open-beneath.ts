import { constants } from 'node:fs';
import { addon } from './addon.ts';

export interface OpenBeneathOptions {
  /** open(2) flags from `fs.constants`, default O_RDONLY. O_CLOEXEC, O_NOCTTY and O_NONBLOCK are always added. */
  readonly flags?: number;
  /** Permissions of a file that O_CREAT makes, before the umask; default 0o600. */
  readonly mode?: number;
}

/**
 * Opens `path` beneath `directory` so that nobody who can write below that directory leads the opening elsewhere:
 * openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS. A FIFO put there does not block it;
 * what kind of file it is, who owns it and how large it is are the caller's to ask of the descriptor (`fs.fstatSync`).
 * @param directory a path, followed as usual (it is the caller's own), or the descriptor of a directory
 * @param path relative, without symbolic links and without `..` that leaves the directory
 * @returns a descriptor, the caller's to close
 * @throws SystemError ELOOP on a symbolic link, EXDEV on a path that leaves, ENOENT, EACCES
 */
export function openBeneath(
  directory: string | number,
  path: string,
  options: OpenBeneathOptions = {},
): number {
  return addon.openBeneath(directory, path, options.flags ?? constants.O_RDONLY, options.mode ?? 0o600);
}

/**
 * The path by which every `fs` function reaches `name` in an open directory, as the *at() system calls would:
 * `fs.unlinkSync(descriptorPath(directory, name))` is unlinkat(directory, name). Without a name, the open file itself.
 * @param name one component: no '/', not '.' or '..'
 * @throws RangeError on any other name
 */
export function descriptorPath(descriptor: number, name?: string): string {
  if (!Number.isInteger(descriptor) || descriptor < 0)
    throw new RangeError('descriptor must be an open descriptor');
  const self = `/proc/self/fd/${descriptor}`;
  if (name === undefined) return self;
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    throw new RangeError('name must be one component of a path');
  return `${self}/${name}`;
}

/**
 * Sets FD_CLOEXEC, for descriptors that came by inheritance.
 * @throws SystemError EBADF
 */
export function setCloseOnExec(descriptor: number): void {
  addon.setCloseOnExec(descriptor);
}
