import { constants } from 'node:os';

/** Negative, as the protocol has them. */
export const errno = {
  EPERM: -constants.errno.EPERM,
  ENOENT: -constants.errno.ENOENT,
  EINTR: -constants.errno.EINTR,
  EIO: -constants.errno.EIO,
  ENXIO: -constants.errno.ENXIO,
  EAGAIN: -constants.errno.EAGAIN,
  EINVAL: -constants.errno.EINVAL,
  ENOTTY: -constants.errno.ENOTTY,
  EFBIG: -constants.errno.EFBIG,
  ERANGE: -constants.errno.ERANGE,
  ENAMETOOLONG: -constants.errno.ENAMETOOLONG,
  ENOSYS: -constants.errno.ENOSYS,
  EPROTO: -constants.errno.EPROTO,
  ETIMEDOUT: -constants.errno.ETIMEDOUT,
  ENODEV: -constants.errno.ENODEV,
  ECONNABORTED: -constants.errno.ECONNABORTED,
} as const;

const numbers: Readonly<Record<string, number>> = constants.errno;
/** Above it the kernel takes no errno for one. */
const mostErrno = 511;

/** @returns the negative errno that an error stands for, undefined when it stands for none. */
export function errnoOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { errno: number, code } = error as { errno?: unknown; code?: unknown };
  const found = typeof number === 'number' ? Math.abs(number) : numbers[String(code)];
  return found !== undefined && Number.isInteger(found) && found > 0 && found <= mostErrno
    ? -found
    : undefined;
}

/** An error as Node's own, of a call that the kernel refused. */
export function systemError(negative: number, call: string, subject: string): Error {
  const name = Object.entries(numbers).find(([, value]) => value === -negative)?.[0] ?? `errno ${-negative}`;
  return Object.assign(new Error(`${name}: ${call} '${subject}'`), {
    code: name,
    errno: negative,
    syscall: call,
  });
}
