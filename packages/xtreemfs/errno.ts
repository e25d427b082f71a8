import { constants } from 'node:os';

/**
 * Error numbers as they travel: Linux's generic ones (asm-generic/errno.h), which x86 and ARM have, and which the POSIX
 * error numbers of XtreemFS are.
 */
export type ErrnoName = keyof typeof constants.errno;

const nameByNumber: ReadonlyMap<number, ErrnoName> = new Map(
  (Object.entries(constants.errno) as [ErrnoName, number][])
    // EAGAIN and EOPNOTSUPP are the names that errno(3) puts first.
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, number]) => [number, name]),
);

export function errnoNumber(name: ErrnoName): number {
  return constants.errno[name];
}

/** @returns undefined for a number that Linux does not know. */
export function errnoName(number: number): ErrnoName | undefined {
  return nameByNumber.get(number);
}

/** The number of a failed system call of Node's or of our addons; EIO for any other error. */
export function errnoOf(error: unknown): number {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  const isName = typeof code === 'string' && Object.hasOwn(constants.errno, code);
  return isName ? constants.errno[code as ErrnoName] : constants.errno.EIO;
}
