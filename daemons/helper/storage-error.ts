import { reasonOf, XosError } from '@xtreemos/base';

/** An error of the file system as one of the registry; errors of the registry pass. */
export function storageError(error: unknown, attempt: string, path: string): XosError {
  if (error instanceof XosError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new XosError('XOS_STORAGE_FULL', { attempt, path }, { cause: error });
  }
  return new XosError('XOS_STORAGE_FAILED', { attempt, path, reason: reasonOf(error) }, { cause: error });
}
