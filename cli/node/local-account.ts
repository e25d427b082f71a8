import { readFileSync } from 'node:fs';
import { XosError } from '@xtreemos/base';

/** uid of a user and gid of a group in the local files; undefined where there is none or the file is missing. */
export function localUid(passwdFile: string, name: string): number | undefined {
  return idIn(passwdFile, name);
}

export function localGid(groupFile: string, name: string): number | undefined {
  return idIn(groupFile, name);
}

/** passwd(5) and group(5) both have the id in the third field. */
function idIn(file: string, name: string): number | undefined {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const line = content.split('\n').find((candidate) => candidate.startsWith(`${name}:`));
  if (line === undefined) return undefined;
  const id = Number(line.split(':')[2]);
  if (!Number.isSafeInteger(id) || id < 0) {
    throw new XosError('XOS_DATA_CORRUPT', { what: file, reason: `the id of ${name} is no number` });
  }
  return id;
}
