import { addon } from './addon.ts';

export interface SetXattrOptions {
  /** 'create' fails with EEXIST when there is one, 'replace' with ENODATA when there is none; default: either. */
  readonly mode?: 'create' | 'replace';
}

/**
 * An extended attribute (xattr(7)). A path's last component is never followed when it is a symbolic link.
 * @param target path or descriptor
 * @param name with its namespace, such as 'user.comment', at most 255 bytes
 * @returns null when there is no such attribute
 * @throws SystemError ENOENT, ENOTSUP, EBADF
 */
export function getXattr(target: string | number, name: string): Buffer | null {
  return addon.getXattr(target, name);
}

/** @throws SystemError EEXIST, ENODATA, ENOSPC, EDQUOT, E2BIG (over 65,536 bytes), EPERM, ENOTSUP */
export function setXattr(
  target: string | number,
  name: string,
  value: Uint8Array,
  options: SetXattrOptions = {},
): void {
  const flags = options.mode === undefined ? 0 : options.mode === 'create' ? 1 : 2;
  addon.setXattr(target, name, value, flags);
}

/** The names of the attributes that the caller may see. */
export function listXattr(target: string | number): readonly string[] {
  return addon.listXattr(target);
}

/** @throws SystemError ENODATA when there is no such attribute */
export function removeXattr(target: string | number, name: string): void {
  addon.removeXattr(target, name);
}
