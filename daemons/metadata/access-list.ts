/** POSIX access control lists (POSIX 1003.1e draft 17, acl(5)), as Linux applies them. */
import { refusal } from './errno-error.ts';

/** Numbers of the kernel (linux/posix_acl.h). */
export const aclTag = { userObject: 1, user: 2, groupObject: 4, group: 8, mask: 16, other: 32 } as const;

export interface AclEntry {
  readonly tag: number;
  /** Read 4, write 2, execute 1. */
  readonly permissions: number;
  /** Of the user or group in the name table; 0 for the other tags. */
  readonly id: number;
}

export type Acl = readonly AclEntry[];

/** ext4 has room for about 500; beyond that it answers ENOSPC. */
export const maximumAclEntries = 500;

const order: readonly number[] = [
  aclTag.userObject,
  aclTag.user,
  aclTag.groupObject,
  aclTag.group,
  aclTag.mask,
  aclTag.other,
];

/** @throws ErrnoError EINVAL when the list is none that acl(5) allows, ENOSPC when it is too long */
export function checkAcl(acl: Acl): void {
  const invalid = (reason: string) => refusal('EINVAL', `the access control list ${reason}`);
  if (acl.length > maximumAclEntries) throw refusal('ENOSPC', 'the access control list is too long');
  let rank = 0;
  for (const { tag, permissions } of acl) {
    const next = order.indexOf(tag);
    if (next < 0 || permissions > 7) throw invalid('has an entry of no known kind');
    if (next < rank) throw invalid('is not in order');
    rank = next;
  }
  const count = (tag: number) => acl.filter((entry) => entry.tag === tag).length;
  for (const tag of [aclTag.userObject, aclTag.groupObject, aclTag.other])
    if (count(tag) !== 1) throw invalid('needs owner, group and others once each');
  const named = acl.filter(({ tag }) => tag === aclTag.user || tag === aclTag.group);
  if (count(aclTag.mask) > 1 || (named.length > 0 && count(aclTag.mask) === 0))
    throw invalid('needs one mask');
  if (new Set(named.map(({ tag, id }) => `${tag} ${id}`)).size !== named.length)
    throw invalid('names somebody twice');
}

function permissionsOf(acl: Acl, tag: number): number | undefined {
  return acl.find((entry) => entry.tag === tag)?.permissions;
}

/** True when the permission bits of a mode say as much. */
export function isMinimal(acl: Acl): boolean {
  return acl.every(
    ({ tag }) => tag === aclTag.userObject || tag === aclTag.groupObject || tag === aclTag.other,
  );
}

/** The permission bits that a file with this list shows: the group's are the mask. */
export function modeBitsOf(acl: Acl): number {
  const group = permissionsOf(acl, aclTag.mask) ?? permissionsOf(acl, aclTag.groupObject) ?? 0;
  const owner = permissionsOf(acl, aclTag.userObject) ?? 0;
  return (owner << 6) | (group << 3) | (permissionsOf(acl, aclTag.other) ?? 0);
}

/** What chmod(2) makes of a list. */
export function withModeBits(acl: Acl, mode: number): Acl {
  const groupTag = permissionsOf(acl, aclTag.mask) === undefined ? aclTag.groupObject : aclTag.mask;
  return acl.map((entry) => {
    if (entry.tag === aclTag.userObject) return { ...entry, permissions: (mode >> 6) & 7 };
    if (entry.tag === groupTag) return { ...entry, permissions: (mode >> 3) & 7 };
    if (entry.tag === aclTag.other) return { ...entry, permissions: mode & 7 };
    return entry;
  });
}

/** What a new file gets from its directory's default list: the list cut down by the mode it was to have, and its mode. */
export function inherited(defaultAcl: Acl, mode: number): { readonly acl: Acl; readonly mode: number } {
  const bits = modeBitsOf(defaultAcl) & mode;
  return { acl: withModeBits(defaultAcl, bits), mode: (mode & ~0o777) | bits };
}

/** What the list gives to somebody who does not own the file. */
export function aclAllows(
  acl: Acl,
  who: { readonly userId: number; readonly isInGroup: (id: number) => boolean; readonly fileGroup: number },
  wanted: number,
): boolean {
  const mask = permissionsOf(acl, aclTag.mask) ?? 7;
  const named = acl.find(({ tag, id }) => tag === aclTag.user && id === who.userId);
  if (named !== undefined) return (named.permissions & mask & wanted) === wanted;
  const groups = acl.filter(
    ({ tag, id }) =>
      (tag === aclTag.groupObject && who.isInGroup(who.fileGroup)) ||
      (tag === aclTag.group && who.isInGroup(id)),
  );
  if (groups.length > 0) return groups.some(({ permissions }) => (permissions & mask & wanted) === wanted);
  return ((permissionsOf(acl, aclTag.other) ?? 0) & wanted) === wanted;
}

/** The list of a file that has none of its own, as getfacl(1) shows it. */
export function minimalAcl(mode: number): Acl {
  return [
    { tag: aclTag.userObject, permissions: (mode >> 6) & 7, id: 0 },
    { tag: aclTag.groupObject, permissions: (mode >> 3) & 7, id: 0 },
    { tag: aclTag.other, permissions: mode & 7, id: 0 },
  ];
}
