/** What XtreemFS's tools read and set as extended attributes `xtreemfs.*`: where a file's objects are, how new files are striped. */
import { AccessControlPolicyType } from '@xtreemos/rpc';
import { formatFileId } from '@xtreemos/xtreemfs';
import type { Caller } from './caller.ts';
import { setStriping } from './directory-striping.ts';
import { refusal } from './errno-error.ts';
import { isDirectory, isSymbolicLink } from './file-mode.ts';
import type { DirectoryStriping, Inode } from './inode.ts';
import type { NameTable } from './name-table.ts';
import type { Operation } from './operation.ts';
import { mayRead, requireAccess } from './permission.ts';
import type { TreeReader } from './tree.ts';
import type { Volume } from './volume.ts';

const prefix = 'xtreemfs.';
const stripingName = `${prefix}default_sp`;
const policyName = `${prefix}ac_policy_id`;
const typeName = `${prefix}object_type`;
const told = [
  stripingName,
  policyName,
  typeName,
  ...['file_id', 'locations', 'owner', 'group', 'volume_name'].map((name) => `${prefix}${name}`),
];

export function isPolicyAttribute(name: Buffer): boolean {
  return name.subarray(0, prefix.length).toString('latin1') === prefix;
}

const noData = () => refusal('ENODATA', 'the file has no such attribute');

/** @throws ErrnoError ESTALE, EACCES, ENODATA */
export function getPolicyAttribute(
  tree: TreeReader,
  caller: Caller,
  node: number,
  name: Buffer,
  { volume, names }: { readonly volume: Volume; readonly names: NameTable },
): Buffer {
  const inode = tree.get(node);
  requireAccess(inode, caller, mayRead);
  const text = textOf(name.toString('latin1'), node, inode, volume, names);
  if (text === undefined) throw noData();
  return Buffer.from(text, 'utf8');
}

/** Those that clients look for in a list of attributes, with their texts. */
export function* policyAttributes(
  tree: TreeReader,
  node: number,
  { volume, names }: { readonly volume: Volume; readonly names: NameTable },
): Generator<readonly [name: string, text: string]> {
  const inode = tree.get(node);
  for (const name of told) {
    const text = textOf(name, node, inode, volume, names);
    if (text !== undefined) yield [name, text];
  }
}

function textOf(
  name: string,
  node: number,
  inode: Inode,
  volume: Volume,
  names: NameTable,
): string | undefined {
  const { layout } = inode;
  if (name === stripingName)
    return isDirectory(inode) ? stripingText(inode.striping ?? volume.striping) : undefined;
  if (name === `${prefix}file_id`) return formatFileId({ volumeId: volume.id, node: BigInt(node) });
  if (name === `${prefix}volume_name`) return volume.name;
  if (name === `${prefix}owner`) return names.nameOf(inode.owner);
  if (name === `${prefix}group`) return names.nameOf(inode.group);
  if (name === policyName) return String(AccessControlPolicyType.ACCESS_CONTROL_POLICY_POSIX);
  if (name === typeName) return isDirectory(inode) ? '2' : isSymbolicLink(inode) ? '3' : '1';
  if (name !== `${prefix}locations` || layout === undefined) return undefined;
  const { stripeBytes, osds } = layout;
  return JSON.stringify({
    'update-policy': '',
    version: 0,
    replicas: [
      {
        'striping-policy': policyOf({ stripeBytes, width: osds.length }),
        'replication-flags': 0,
        osds: osds.map((osd) => ({ uuid: names.nameOf(osd) })),
      },
    ],
  });
}

function policyOf({ stripeBytes, width }: DirectoryStriping) {
  return { pattern: 'STRIPING_POLICY_RAID0', width, size: stripeBytes / 1024 };
}

function stripingText(striping: DirectoryStriping): string {
  return JSON.stringify(policyOf(striping));
}

/** @throws ErrnoError ESTALE, ENOTDIR, EPERM for all but the default striping, EINVAL */
export function setPolicyAttribute(
  operation: Operation,
  node: number,
  name: Buffer,
  value: Uint8Array,
): Inode {
  if (name.toString('latin1') !== stripingName) throw refusal('EPERM', 'the attribute is not set this way');
  return setStriping(operation, node, stripingOf(Buffer.from(value).toString('utf8')));
}

/** `{"pattern":"STRIPING_POLICY_RAID0","width":2,"size":128}`. @throws ErrnoError EINVAL */
function stripingOf(text: string): DirectoryStriping {
  const invalid = () =>
    refusal('EINVAL', 'no striping policy: {"pattern":"STRIPING_POLICY_RAID0","width":2,"size":128}');
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    throw invalid();
  }
  if (typeof policy !== 'object' || policy === null) throw invalid();
  const { pattern, width, size } = policy as { readonly [key: string]: unknown };
  if (pattern !== 'STRIPING_POLICY_RAID0' && pattern !== 'RAID0') throw invalid();
  if (typeof width !== 'number' || typeof size !== 'number') throw invalid();
  return { stripeBytes: size * 1024, width };
}
