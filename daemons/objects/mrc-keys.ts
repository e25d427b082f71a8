import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { reasonOf, XosError } from '@xtreemos/base';

const block = /-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/g;
const mostBytes = 1 << 20;

/** The Ed25519 keys in the files, PEM. @throws XosError XOS_CONFIGURATION_BAD when a file has none or something else */
export async function readMrcKeys(paths: readonly string[]): Promise<readonly KeyObject[]> {
  const keys: KeyObject[] = [];
  for (const path of paths) {
    try {
      const text = await readFile(path, 'utf8');
      if (text.length > mostBytes) throw new Error('it is too large');
      const found = (text.match(block) ?? []).map((pem) => createPublicKey(pem));
      if (found.length === 0) throw new Error('it holds no public key in PEM');
      const other = found.find(({ asymmetricKeyType }) => asymmetricKeyType !== 'ed25519');
      if (other !== undefined) throw new Error(`it holds a key of type ${other.asymmetricKeyType}`);
      keys.push(...found);
    } catch (cause) {
      const reason = `[Security] MrcKeys=${path}: ${reasonOf(cause)}`;
      throw new XosError('XOS_CONFIGURATION_BAD', { reason }, { cause });
    }
  }
  return keys;
}
