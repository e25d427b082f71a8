import { refusal } from './errno-error.ts';

export const maximumNameBytes = 255;
/** PATH_MAX without its NUL byte. */
export const maximumPathBytes = 4095;

const dot = 0x2e;
const slash = 0x2f;

export type NameKind = 'name' | 'self' | 'parent';

/**
 * A name in a directory: any bytes but NUL and `/`.
 * @throws ErrnoError ENAMETOOLONG beyond 255 bytes, ENOENT for the empty one, EINVAL for bytes that no name has
 */
export function checkName(name: Uint8Array): NameKind {
  if (name.length === 0) throw refusal('ENOENT', 'an empty name');
  if (name.length > maximumNameBytes) throw refusal('ENAMETOOLONG', 'a name of more than 255 bytes');
  if (name.includes(0) || name.includes(slash)) throw refusal('EINVAL', 'a name with NUL or a slash');
  if (name[0] !== dot) return 'name';
  if (name.length === 1) return 'self';
  return name.length === 2 && name[1] === dot ? 'parent' : 'name';
}
