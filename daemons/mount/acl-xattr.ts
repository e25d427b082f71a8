/** Access control lists as the kernel passes them in extended attributes (linux/posix_acl_xattr.h), and as the MRC has them. */
import { create } from '@bufbuild/protobuf';
import { type Acl, AclSchema } from '@xtreemos/rpc';
import { Failure } from './call-failure.ts';
import type { VolumeIds } from './volume-ids.ts';

const version = 2;
const headBytes = 4;
const entryBytes = 8;
const userTag = 2;
const groupTag = 8;
const noId = 0xffffffff;

export const aclNames: ReadonlySet<string> = new Set(['system.posix_acl_access', 'system.posix_acl_default']);

type AclEntries = {
  readonly entries: readonly Pick<Acl['entries'][number], 'tag' | 'permissions' | 'name'>[];
};

/** @throws Failure EINVAL, EOPNOTSUPP for a form of another version */
export function parseAcl(value: Buffer, ids: Pick<VolumeIds, 'ownerOf' | 'groupOf'>): Acl {
  if (value.length === 0) return create(AclSchema);
  if (value.length < headBytes || (value.length - headBytes) % entryBytes !== 0)
    throw new Failure('EINVAL', 'the access control list has no possible length');
  if (value.readUInt32LE(0) !== version)
    throw new Failure('EOPNOTSUPP', 'the access control list has another form');
  const entries: { tag: number; permissions: number; name: string }[] = [];
  for (let at = headBytes; at < value.length; at += entryBytes) {
    const tag = value.readUInt16LE(at);
    const id = value.readUInt32LE(at + 4);
    const name = tag === userTag ? ids.ownerOf(id) : tag === groupTag ? ids.groupOf(id) : '';
    entries.push({ tag, permissions: value.readUInt16LE(at + 2), name });
  }
  return create(AclSchema, { entries });
}

export function formatAcl({ entries }: AclEntries, ids: Pick<VolumeIds, 'uidOf' | 'gidOf'>): Buffer {
  const value = Buffer.alloc(headBytes + entries.length * entryBytes);
  value.writeUInt32LE(version, 0);
  for (const [index, { tag, permissions, name }] of entries.entries()) {
    const at = headBytes + index * entryBytes;
    value.writeUInt16LE(tag, at);
    value.writeUInt16LE(permissions, at + 2);
    value.writeUInt32LE(
      tag === userTag ? ids.uidOf(name) : tag === groupTag ? ids.gidOf(name) : noId,
      at + 4,
    );
  }
  return value;
}
