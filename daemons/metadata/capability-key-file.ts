import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, writeFileAtomically, XosError } from '@xtreemos/base';

/** The key that signs this MRC's XCaps, made at the first start. @throws XosError XOS_DATA_CORRUPT */
export async function readCapabilityKey(stateDirectory: string): Promise<KeyObject> {
  const path = join(stateDirectory, 'capability.key');
  const known = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (known === undefined) {
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFileAtomically(path, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, {
      mode: 0o600,
    });
    return privateKey;
  }
  try {
    const key = createPrivateKey(known);
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`it is of type ${key.asymmetricKeyType}`);
    return key;
  } catch (cause) {
    throw new XosError('XOS_DATA_CORRUPT', { what: `The file ${path}`, reason: reasonOf(cause) }, { cause });
  }
}
