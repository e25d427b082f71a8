/** What to make of a call that was made again because its answer was lost, and then failed: it may have been carried out before. */
import { type CallUser, type Entry, nodeCalls } from '@xtreemos/rpc';
import { isErrno } from './call-failure.ts';
import type { Metadata } from './metadata.ts';
import type { Asker } from './volume-view.ts';

const emptyAnswer = { $typeName: 'xtreemos.fs.NodeEmptyResponse' } as const;
const typeMask = 0o170000;

/** unlink and rmdir: what is to be gone is gone. */
export function removedBefore(error: unknown) {
  return isErrno(error, 'ENOENT') ? ({ $typeName: 'xtreemos.fs.RemoveResponse' } as const) : undefined;
}

/** removexattr. */
export function goneIsDone(error: unknown) {
  return isErrno(error, 'ENODATA') ? emptyAnswer : undefined;
}

/** setxattr with XATTR_CREATE. */
export function thereIsDone(error: unknown) {
  return isErrno(error, 'EEXIST') ? emptyAnswer : undefined;
}

export interface Place {
  readonly parent: number;
  readonly name: Buffer;
}

async function find(
  metadata: Metadata,
  { parent, name }: Place,
  { user, signal }: Asker,
): Promise<Entry | undefined> {
  try {
    const request = { volumeId: metadata.volumeId, parent: BigInt(parent), name };
    return await metadata.call(nodeCalls.lookup, request, { user, signal });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** mknod, mkdir, symlink, create: what is there is of this type, the user's, and nobody changed it since it was made. */
export function madeBefore(metadata: Metadata, place: Place, asker: Asker, type: number) {
  return async (error: unknown): Promise<Entry | undefined> => {
    if (!isErrno(error, 'EEXIST')) return undefined;
    const entry = await find(metadata, place, asker);
    return isOwnAndNew(entry, asker.user, type) ? entry : undefined;
  };
}

function isOwnAndNew(entry: Entry | undefined, user: CallUser, type: number): boolean {
  const { attributes } = entry ?? {};
  return attributes?.owner === user.name && (attributes.mode & typeMask) === type && attributes.change <= 1n;
}

/** link: the name stands for the very file. */
export function linkedBefore(metadata: Metadata, place: Place, asker: Asker, node: number) {
  return async (error: unknown): Promise<Entry | undefined> => {
    if (!isErrno(error, 'EEXIST')) return undefined;
    const entry = await find(metadata, place, asker);
    return entry?.attributes?.node === BigInt(node) ? entry : undefined;
  };
}

/** rename: the old name is gone, and there is the new one. An exchange that was repeated cannot fail so. */
export function renamedBefore(metadata: Metadata, from: Place, to: Place, asker: Asker) {
  return async (error: unknown) => {
    if (!isErrno(error, 'ENOENT') && !isErrno(error, 'EEXIST')) return undefined;
    const [old, renamed] = [await find(metadata, from, asker), await find(metadata, to, asker)];
    return old === undefined && renamed !== undefined ? emptyAnswer : undefined;
  };
}
