import {
  GID_MAX,
  GID_MIN,
  GROUP_NAME_MAX_BYTES,
  LOGIN_NAME_MAX_BYTES,
  UID_MAX,
  UID_MIN,
} from './generated/codec.ts';

/** Whether text can be a login name: `user@alias`, 32 bytes in all. What it is not, the modules refuse without asking. */
export function isLoginName(text: string): boolean {
  return text.length <= LOGIN_NAME_MAX_BYTES && /^[a-z][a-z0-9._-]*@[a-z0-9][a-z0-9-]{0,15}$/.test(text);
}

/** Whether text can be the name of a VO group (`group.subgroup@alias`) or a private group (a login name). */
export function isGroupName(text: string): boolean {
  return (
    text.length <= GROUP_NAME_MAX_BYTES && /^[A-Za-z0-9_][A-Za-z0-9._-]*@[a-z0-9][a-z0-9-]{0,15}$/.test(text)
  );
}

export function isManagedUid(uid: number): boolean {
  return Number.isInteger(uid) && uid >= UID_MIN && uid <= UID_MAX;
}

/** A VO group's gid; private groups have their user's uid instead. */
export function isManagedGid(gid: number): boolean {
  return Number.isInteger(gid) && gid >= GID_MIN && gid <= GID_MAX;
}
