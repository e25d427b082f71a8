/** Files and what belongs to them, as our own calls write them. */
import type { Acl as AclMessage } from '@xtreemos/rpc';
import { orderedAccess } from '@xtreemos/xtreemfs';
import { type Acl, aclTag } from './access-list.ts';
import type { CapabilityIssuer } from './capability-issuer.ts';
import { credentialsOf, type IssuedCredentials } from './capability-issuer.ts';
import type { Request } from './file-system.ts';
import type { Inode, Layout } from './inode.ts';
import type { Found } from './lookup.ts';
import type { NameTable } from './name-table.ts';

export function attributesMessage({ node, inode }: Found, names: NameTable) {
  return {
    node: BigInt(node),
    mode: inode.mode,
    nlink: inode.nlink,
    owner: names.nameOf(inode.owner),
    group: names.nameOf(inode.group),
    size: BigInt(inode.size),
    atimeNs: inode.atimeNs,
    mtimeNs: inode.mtimeNs,
    ctimeNs: inode.ctimeNs,
    rdev: inode.rdev,
    generation: 1,
    truncateEpoch: inode.truncateEpoch,
    change: BigInt(inode.change),
    mayHaveHoles: inode.mayHaveHoles,
  };
}

export function aclMessage(acl: Acl, names: NameTable) {
  return {
    entries: acl.map(({ tag, permissions, id }) => ({
      tag,
      permissions,
      name: id === 0 ? '' : names.nameOf(id),
    })),
  };
}

/** @param idOf as it makes ids for names that have none yet. @returns undefined for a list without entries */
export function aclOf({ entries }: AclMessage, idOf: (name: string) => number): Acl | undefined {
  if (entries.length === 0) return undefined;
  return entries.map(({ tag, permissions, name }) => {
    const hasName = tag === aclTag.user || tag === aclTag.group;
    return { tag, permissions, id: hasName ? idOf(name) : 0 };
  });
}

/** @returns undefined for files that have no objects */
export function credentialsFor(
  { volume, clientId }: Request,
  { node, inode }: { readonly node: number; readonly inode: Inode },
  accessMode: number,
  { issuer, names }: { readonly issuer: CapabilityIssuer; readonly names: NameTable },
): IssuedCredentials | undefined {
  const { layout, truncateEpoch } = inode;
  if (layout === undefined) return undefined;
  const xcap = issuer.issue({
    ...{ volumeId: volume.id, node, clientId, truncateEpoch },
    accessMode: volume.consistency === 'strict' ? accessMode | orderedAccess : accessMode,
  });
  return credentialsOf(xcap, placesOf(layout, names));
}

/** To ask OSDs for the space of a file. @returns undefined where it follows from the size */
export function spaceCredentialsFor(
  { volume, clientId }: Request,
  { node, inode }: Found,
  { issuer, names }: { readonly issuer: CapabilityIssuer; readonly names: NameTable },
): IssuedCredentials | undefined {
  const { layout, mayHaveHoles } = inode;
  if (layout === undefined || !mayHaveHoles) return undefined;
  const xcap = issuer.issueSpace({ volumeId: volume.id, node, clientId });
  return credentialsOf(xcap, placesOf(layout, names));
}

function placesOf({ stripeBytes, osds }: Layout, names: NameTable) {
  return { stripeBytes, osdUuids: osds.map((osd) => names.nameOf(osd)) };
}
