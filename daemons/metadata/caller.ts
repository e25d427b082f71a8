import type { NameTable } from './name-table.ts';

/** The user that an operation is for. */
export interface Caller {
  readonly name: string;
  /** The first one is for new files. */
  readonly groups: readonly string[];
  /** In the name table; 0 when no file is his. */
  readonly userId: number;
  readonly groupIds: readonly number[];
  /** Has what Linux calls CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_CHOWN, CAP_FSETID, CAP_MKNOD and CAP_SYS_ADMIN. */
  readonly isSuperuser: boolean;
}

export function callerOf(
  names: NameTable,
  user: { readonly name: string; readonly groups: readonly string[] },
  isSuperuser: boolean,
): Caller {
  const { name } = user;
  // Whoever is in no group has one of his own, as useradd(8) does it.
  const groups = user.groups.length === 0 ? [name] : user.groups;
  return {
    name,
    groups,
    userId: names.idOf(name),
    groupIds: groups.map((group) => names.idOf(group)).filter((id) => id !== 0),
    isSuperuser,
  };
}

export function isInGroup(caller: Caller, group: number): boolean {
  return group !== 0 && caller.groupIds.includes(group);
}

/**
 * Nobody in the grid: decimal ids (root's `cp -a`, test suites), and accounts and groups of a host by their names, as XtreemFS's
 * clients tell them. What may name a user or group of the grid (`user@vo`, `/vo/group`) never is one.
 */
export function isForeignName(name: string): boolean {
  if (/^\d+$/.test(name)) return /^(0|[1-9]\d{0,9})$/.test(name) && Number(name) < 2 ** 32 - 1;
  return /^\w[\w.-]{0,31}$/.test(name);
}

/** XtreemFS's clients call uid 0 and gid 0 by their name. */
export function storedName(name: string): string {
  return name === 'root' ? '0' : name;
}
