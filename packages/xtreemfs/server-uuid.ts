import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically, XosError } from '@xtreemos/base';
import { parseFileId } from './file-id.ts';

/**
 * The uuid of a server: the one that its state directory knows, for what it keeps belongs to that one; a new one is chosen or
 * taken from the configuration at the first start.
 * @param configured value and name of the setting, `[Objects] Uuid=`
 * @throws XosError XOS_CONFIGURATION_BAD when the configuration says another
 */
export async function readServerUuid(
  stateDirectory: string,
  configured: { readonly value: string | undefined; readonly setting: string },
): Promise<string> {
  const { value, setting } = configured;
  const path = join(stateDirectory, 'uuid');
  const known = (
    await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    })
  ).trim();
  if (known !== '') {
    if (parseFileId(`${known}:0`) === undefined)
      throw new XosError('XOS_DATA_CORRUPT', { what: `The file ${path}`, reason: 'it holds no uuid' });
    if (value !== undefined && value !== known)
      throw new XosError('XOS_CONFIGURATION_BAD', {
        reason: `${setting}${value}: what ${stateDirectory} holds is of ${known}`,
      });
    return known;
  }
  const uuid = value ?? randomUUID();
  await writeFileAtomically(path, `${uuid}\n`);
  return uuid;
}
