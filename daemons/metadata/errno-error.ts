import type { ErrnoName } from '@xtreemos/xtreemfs';

/** What an operation on files is refused with: the errno that Linux gives for it on a local file system. */
export class ErrnoError extends Error {
  readonly errno: ErrnoName;

  constructor(errno: ErrnoName, reason: string) {
    // Refusals are answers, many of them a second; where they come from is of no interest, and costs more than the rest of a call.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(`${reason} (${errno})`);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'ErrnoError';
    this.errno = errno;
  }
}

/** A number that stands for no file now. */
export class StaleNodeError extends ErrnoError {
  readonly node: number;

  constructor(node: number) {
    super('ESTALE', `there is no file ${node} any more`);
    this.node = node;
  }
}

export function refusal(errno: ErrnoName, reason: string): ErrnoError {
  return new ErrnoError(errno, reason);
}
