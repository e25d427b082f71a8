/** Bits of st_mode, as Linux has them (inode(7)). */
export const typeMask = 0o170000;
export const socketType = 0o140000;
export const linkType = 0o120000;
export const regularType = 0o100000;
export const blockType = 0o060000;
export const directoryType = 0o040000;
export const characterType = 0o020000;
export const fifoType = 0o010000;

export const setUserId = 0o4000;
export const setGroupId = 0o2000;
export const stickyBit = 0o1000;
export const groupExecute = 0o010;
/** What chmod(2) changes. */
export const changeableBits = 0o7777;

export function isDirectory({ mode }: { readonly mode: number }): boolean {
  return (mode & typeMask) === directoryType;
}

export function isRegular({ mode }: { readonly mode: number }): boolean {
  return (mode & typeMask) === regularType;
}

export function isSymbolicLink({ mode }: { readonly mode: number }): boolean {
  return (mode & typeMask) === linkType;
}

/** As d_type of readdir(3) names types: DT_DIR is 4. */
export function entryTypeOf(mode: number): number {
  return (mode & typeMask) >>> 12;
}

/**
 * What a write or truncation by somebody without CAP_FSETID, or a change of owner by anybody, leaves of a file's mode: set-user-ID
 * goes, set-group-ID where the group may execute (where it may not, the bit once meant mandatory locking) or is not the caller's
 * (setattr_should_drop_suidgid of Linux).
 */
export function withoutPrivilege(mode: number, isGroupMember: boolean): number {
  const rest = mode & ~setUserId;
  return (mode & groupExecute) === 0 && isGroupMember ? rest : rest & ~setGroupId;
}
