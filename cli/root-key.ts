import { readFileSync } from 'node:fs';
import { reasonOf, XosError } from '@xtreemos/base';
import type { RootKey } from '@xtreemos/vo-client';
import type { Invocation } from './invocation.ts';

/** The key of an offline root, as `xos vo root export` wrote it, with the passphrase that opens it. */
export async function readRootKey(
  invocation: Invocation,
  file: string,
  passphraseFile: string | undefined,
): Promise<RootKey> {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    throw new XosError(
      'XOS_USAGE',
      { reason: `could not read the root key ${file}: ${reasonOf(error)}`, help: '`xos vo root --help`' },
      { cause: error },
    );
  }
  const passphrase = await invocation.prompts.secret(
    { what: 'passphrase of the root key', option: '--root-passphrase-file', file: passphraseFile },
    `Passphrase of ${file}:`,
  );
  return { pem, passphrase };
}
