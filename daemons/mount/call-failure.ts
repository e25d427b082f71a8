import { RpcError } from '@xtreemos/rpc';
import { type ErrnoName, errnoName, errnoNumber, errnoOf } from '@xtreemos/xtreemfs';

/** What a system call of a program fails with. */
export class Failure extends Error {
  readonly code: ErrnoName;

  constructor(code: ErrnoName, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'Failure';
    this.code = code;
  }
}

/** The number of Linux that a program sees when a call came to nothing. */
export function errnoOfFailure(error: unknown): number {
  if (isOutage(error)) return errnoNumber('EIO');
  if (!(error instanceof RpcError)) {
    if ((error as Error | undefined)?.name === 'AbortError') return errnoNumber('EINTR');
    return errnoOf(error);
  }
  switch (error.kind) {
    case 'errno':
      return error.errno === 0 ? errnoNumber('EIO') : error.errno;
    case 'cancelled':
      return errnoNumber('EINTR');
    case 'user':
      return errnoNumber('EACCES');
    case 'arguments':
      return errnoNumber('EINVAL');
    case 'call':
      return errnoNumber('EOPNOTSUPP');
    default:
      return errnoNumber('EIO');
  }
}

export function isErrno(error: unknown, name: ErrnoName): boolean {
  return errnoOfFailure(error) === errnoNumber(name);
}

const connectErrors: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** The server could not be asked, or its answer was lost: it may be there again soon. */
export function isOutage(error: unknown): boolean {
  if (error instanceof RpcError) {
    // An OSD says so of another one that it needs for the answer.
    if (error.kind === 'errno') return connectErrors.has(errnoName(error.errno) ?? '');
    return error.kind === 'unreachable' || error.kind === 'timeout' || error.kind === 'frame';
  }
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return name === 'TimeoutError' || (typeof code === 'string' && connectErrors.has(code));
}
