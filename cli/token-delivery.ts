import { closeSync, fchmodSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { reasonOf, XosError } from '@xtreemos/base';
import type { JsonValue } from './output/report.ts';
import { rfc3339 } from './output/stable-json.ts';

/** How a one-time token reaches the person who asked for it. */
export interface TokenDelivery {
  deliver(token: { readonly token: string; readonly expiresAtMs: number }): Promise<{
    readonly data: { readonly [name: string]: JsonValue };
    readonly text: string;
  }>;
}

/**
 * Printed, or written to a new file of mode 0600. The file is made before the token exists: a token that nobody could
 * store would be lost, since services show it once. An existing file is refused.
 */
export function tokenDelivery(file: string | undefined): TokenDelivery {
  if (file === undefined || file === '-') {
    return {
      deliver: async ({ token, expiresAtMs }) => ({
        data: { token, expiresAt: rfc3339(expiresAtMs) },
        text: `Token: ${token}\n`,
      }),
    };
  }
  const fileDescriptor = createSecretFile(file);
  let delivered = false;
  const removeEmpty = (): void => {
    if (!delivered) unlinkSync(file);
  };
  process.once('exit', removeEmpty);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      removeEmpty();
      process.kill(process.pid, signal);
    });
  }
  return {
    deliver: async ({ token, expiresAtMs }) => {
      writeSync(fileDescriptor, `${token}\n`);
      fsyncSync(fileDescriptor);
      closeSync(fileDescriptor);
      delivered = true;
      return {
        data: { tokenFile: file, expiresAt: rfc3339(expiresAtMs) },
        text: `The token is in ${file}.\n`,
      };
    },
  };
}

function createSecretFile(file: string): number {
  try {
    const fileDescriptor = openSync(file, 'wx', 0o600);
    fchmodSync(fileDescriptor, 0o600);
    return fileDescriptor;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new XosError('XOS_EXISTS', { what: 'The file', name: file }, { cause: error });
    }
    throw new XosError(
      'XOS_STORAGE_FAILED',
      { attempt: 'write the token', path: file, reason: reasonOf(error) },
      { cause: error },
    );
  }
}
