import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { reasonOf, XosError } from '@xtreemos/base';

/** Where a secret may come from. Never from an argument: every user of the host can read those. */
export interface SecretSource {
  /** For messages: `passphrase`, `VO password`, `node token`. */
  readonly what: string;
  /** The option that names a file, for messages: `--passphrase-file`. */
  readonly option: string;
  /** The option's value: a path, or `-` for the first line of standard input. */
  readonly file?: string | undefined;
}

const largestSecretFileBytes = 64 * 1024;

/** What went along with a secret from a file; shown as a warning. */
export interface SecretFromFile {
  readonly secret: string;
  readonly warning: string | undefined;
}

/** The first line of the file (or of standard input for `-`). XOS_USAGE when it is empty or cannot be read. */
export function readSecretFile(source: SecretSource, file: string): SecretFromFile {
  const name = file === '-' ? 'standard input' : file;
  let bytes: Buffer;
  let warning: string | undefined;
  try {
    const fileDescriptor = file === '-' ? 0 : openSync(file, 'r');
    try {
      if (file !== '-') {
        const status = fstatSync(fileDescriptor);
        if (status.isFile() && (status.mode & 0o077) !== 0) {
          warning = `${file} holds a ${source.what} and others may read it; run chmod 600 ${file}`;
        }
      }
      bytes = readUpTo(fileDescriptor, largestSecretFileBytes);
    } finally {
      if (file !== '-') closeSync(fileDescriptor);
    }
  } catch (error) {
    throw new XosError(
      'XOS_USAGE',
      {
        reason: `could not read the ${source.what} from ${name}: ${reasonOf(error)}; give ${source.option} FILE`,
        help: '--help',
      },
      { cause: error },
    );
  }
  const secret = (bytes.toString('utf8').split('\n', 1)[0] ?? '').replace(/\r$/, '');
  bytes.fill(0);
  if (secret === '') {
    throw new XosError('XOS_USAGE', {
      reason: `the first line of ${name} is empty, it has to be the ${source.what}`,
      help: '--help',
    });
  }
  return { secret, warning };
}

/** readSync answers EAGAIN on a non-blocking standard input; then the data is awaited by asking again. */
function readUpTo(fileDescriptor: number, limitBytes: number): Buffer {
  const buffer = Buffer.alloc(limitBytes);
  let used = 0;
  const wait = new Int32Array(new SharedArrayBuffer(4));
  while (used < limitBytes) {
    try {
      const count = readSync(fileDescriptor, buffer, used, limitBytes - used, null);
      if (count === 0) break;
      used += count;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(wait, 0, 0, 20);
    }
  }
  return buffer.subarray(0, used);
}
