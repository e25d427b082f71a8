/** What a call may do with a file: its XCap, and where this OSD stands in the file's stripe. */
import type { FileCredentials, XCap } from '@xtreemos/rpc';
import {
  type CapabilityVerifier,
  capabilityAllows,
  checkedStriping,
  fileOffsetOf,
  fileOfSpace,
  idOfFiles,
  localOffsetOf,
  orderedAccess,
  parseFileId,
  refusal,
  type Striping,
} from '@xtreemos/xtreemfs';

export interface FileAccess {
  readonly fileId: string;
  readonly striping: Striping;
  /** Place of this OSD in the stripe, from 0. */
  readonly position: number;
  /** All OSDs of the stripe. */
  readonly osdUuids: readonly string[];
  readonly truncateEpoch: number;
  /** Writes and truncations wait for the truncations before them. */
  readonly isOrdered: boolean;
  readonly credentials: FileCredentials;
}

export interface AccessRules {
  readonly ownUuid: string;
  readonly verifier: CapabilityVerifier;
  /** Asks whether there is an MRC that is not known yet. @returns whether other XCaps are genuine since */
  readonly learnOfUnknown: () => Promise<boolean>;
  /** Milliseconds since 1970 by the installation's clock. */
  readonly nowMs: () => number;
}

/** An expired XCap is taken this long: clocks are equal to some seconds, and a call may have waited. */
const expiryGraceMs = 10_000;

/** @throws RpcError EACCES when the XCap does not give the access, EINVAL when the locations make no sense here */
export async function checkAccess(
  rules: AccessRules,
  credentials: FileCredentials | undefined,
  fileId: string,
  access: 'read' | 'write' | 'delete' | 'any',
): Promise<FileAccess> {
  const xcap = credentials?.xcap;
  if (credentials === undefined || xcap === undefined) throw refusal('EACCES', 'there is no XCap');
  if (parseFileId(fileId) === undefined) throw refusal('EINVAL', 'the file id is none');
  if (xcap.fileId !== fileId) throw refusal('EACCES', 'the XCap is for another file');
  await requireGenuine(rules, xcap);
  if (access !== 'any' && !capabilityAllows(xcap, access))
    throw refusal('EACCES', `the XCap does not allow to ${access}`);
  const { truncateEpoch, accessMode } = xcap;
  const isOrdered = (accessMode & orderedAccess) !== 0;
  return { fileId, truncateEpoch, isOrdered, credentials, ...placeInStripe(rules, credentials) };
}

async function requireGenuine(rules: AccessRules, xcap: XCap): Promise<void> {
  // In this order: what is said of the expiry is true only when the XCap is genuine.
  if (!rules.verifier.isGenuine(xcap) && !((await rules.learnOfUnknown()) && rules.verifier.isGenuine(xcap)))
    throw refusal('EACCES', 'no MRC of this installation signed the XCap');
  if (Number(xcap.expireTimeS) * 1000 + expiryGraceMs < rules.nowMs())
    throw refusal('EACCES', 'the XCap has expired');
}

/** Whether an MRC wants all of the files deleted. @throws RpcError EACCES, EINVAL for what is no file id */
export async function checkDeletion(
  rules: AccessRules,
  xcap: XCap | undefined,
  fileIds: readonly string[],
): Promise<void> {
  if (xcap === undefined) throw refusal('EACCES', 'there is no XCap');
  for (const fileId of fileIds)
    if (parseFileId(fileId) === undefined) throw refusal('EINVAL', 'the file id is none');
  if (xcap.fileId !== idOfFiles(fileIds)) throw refusal('EACCES', 'the XCap is for other files');
  await requireGenuine(rules, xcap);
  if (!capabilityAllows(xcap, 'delete')) throw refusal('EACCES', 'the XCap does not allow to delete');
}

/** @returns the file whose space an MRC lets somebody know @throws RpcError EACCES */
export async function checkSpaceAccess(rules: AccessRules, xcap: XCap | undefined): Promise<string> {
  if (xcap === undefined) throw refusal('EACCES', 'there is no XCap');
  const fileId = fileOfSpace(xcap.fileId);
  if (fileId === undefined) throw refusal('EACCES', 'the XCap is not for the space of a file');
  await requireGenuine(rules, xcap);
  return fileId;
}

function placeInStripe(
  { ownUuid }: AccessRules,
  { xlocs }: FileCredentials,
): Pick<FileAccess, 'striping' | 'position' | 'osdUuids'> {
  const replicas = xlocs?.replicas ?? [];
  if (replicas.length !== 1)
    throw refusal('EOPNOTSUPP', `${replicas.length} replicas: replication is not built`);
  const [replica] = replicas;
  const policy = replica?.stripingPolicy;
  const osdUuids = replica?.osdUuids ?? [];
  if (policy === undefined || policy.type !== 0 || osdUuids.length !== policy.width)
    throw refusal('EINVAL', 'the striping policy is none that is served here');
  const striping = checkedStriping(policy.stripeSize * 1024, policy.width);
  if (striping === undefined) throw refusal('EINVAL', 'stripe size or width is out of range');
  const position = osdUuids.indexOf(ownUuid);
  if (position < 0) throw refusal('EINVAL', 'this OSD has no part of the file');
  return { striping, position, osdUuids };
}

/** Where an object's range lies in what is kept here. */
export interface LocalRange {
  /** In the bytes that this OSD has of the file. */
  readonly localOffset: number;
  /** In the file. */
  readonly fileOffset: number;
}

/** No byte of any file is beyond, and all arithmetic below is exact. */
const mostFileBytes = 2 ** 52;

/**
 * @returns undefined when the range is beyond what any file can have
 * @throws RpcError EINVAL when the object is another OSD's or the range leaves the object
 */
export function locate(
  access: FileAccess,
  objectNumber: bigint,
  offset: number,
  length: number,
): LocalRange | undefined {
  const { stripeBytes, width } = access.striping;
  if (offset + length > stripeBytes) throw refusal('EINVAL', 'the range leaves the object');
  if (Number(objectNumber % BigInt(width)) !== access.position)
    throw refusal('EINVAL', 'the object belongs to another OSD');
  if (objectNumber >= BigInt(Math.floor(mostFileBytes / stripeBytes))) return undefined;
  const object = Number(objectNumber);
  return {
    localOffset: localOffsetOf(access.striping, object, offset),
    fileOffset: fileOffsetOf(access.striping, object, offset),
  };
}

/** @throws RpcError EFBIG */
export function fileBytesOf(size: bigint): number {
  if (size > BigInt(mostFileBytes)) throw refusal('EFBIG', 'no file can be that large');
  return Number(size);
}
