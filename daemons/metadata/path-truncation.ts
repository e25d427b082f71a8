/**
 * XtreemFS's clients cut a file in three steps: the MRC gives an XCap of a new epoch, the first OSD cuts with it, and the size that
 * came of it is told with that XCap. Until then the file keeps its size here.
 */
import { isInGroup } from './caller.ts';
import { refusal } from './errno-error.ts';
import { isRegular, withoutPrivilege } from './file-mode.ts';
import { type Inode, maximumFileBytes, withSize } from './inode.ts';
import type { Found } from './lookup.ts';
import type { Operation } from './operation.ts';
import { updateSize, type WrittenSize } from './set-attributes.ts';

/** O_TRUNC of the interface, in an XCap: it was issued for a truncation. */
export const truncatingAccess = 0x200;

/** Whoever may write begins one. @returns the file with the epoch of the XCap to issue @throws ErrnoError EINVAL */
export function beginTruncation(operation: Operation, { node, inode }: Found): Inode {
  if (!isRegular(inode)) throw refusal('EINVAL', 'no regular file');
  const begun = operation.tree.begunTruncation(node);
  const sizeEpoch = begun?.epoch === inode.truncateEpoch ? begun.sizeEpoch : inode.truncateEpoch;
  const epoch = inode.truncateEpoch + 1;
  operation.tree.putBegunTruncation(node, { epoch, sizeEpoch });
  return operation.change(node, { ...inode, truncateEpoch: epoch });
}

/**
 * Takes over what a client was told by its OSDs: after a truncation the size, whatever it is; else it grows.
 * @param isTruncating the XCap was issued for a truncation
 * @throws ErrnoError ESTALE, EINVAL, EFBIG, EDQUOT, ENOSPC
 */
export function takeSize(
  operation: Operation,
  node: number,
  written: WrittenSize,
  isTruncating: boolean,
): Inode {
  const { tree } = operation;
  const inode = tree.get(node);
  const begun = tree.begunTruncation(node);
  if (begun === undefined || begun.epoch !== inode.truncateEpoch)
    return updateSize(operation, node, written, undefined);
  const { epoch, sizeEpoch } = begun;
  if (isTruncating && written.truncateEpoch === epoch) {
    tree.removeBegunTruncation(node);
    return endTruncation(operation, { node, inode }, written.size);
  }
  // Who begins to cut and never does takes nothing from those who write meanwhile.
  const truncateEpoch = written.truncateEpoch >= sizeEpoch ? epoch : written.truncateEpoch;
  return updateSize(operation, node, { size: written.size, truncateEpoch }, undefined);
}

function endTruncation(operation: Operation, { node, inode }: Found, size: number): Inode {
  if (size > maximumFileBytes) throw refusal('EFBIG', 'no file can be that large');
  const { caller, nowNs } = operation;
  operation.charge(inode.owner, size - inode.size, 0);
  const changed = operation.change(node, {
    ...withSize(inode, size),
    mtimeNs: nowNs,
    ctimeNs: nowNs,
    mode: caller.isSuperuser ? inode.mode : withoutPrivilege(inode.mode, isInGroup(caller, inode.group)),
  });
  operation.tell(node, 'data');
  operation.tell(node, 'attributes');
  return changed;
}
