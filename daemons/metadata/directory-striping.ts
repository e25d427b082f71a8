import { checkedStriping } from '@xtreemos/xtreemfs';
import { refusal } from './errno-error.ts';
import { isDirectory } from './file-mode.ts';
import type { DirectoryStriping, Inode } from './inode.ts';
import type { Operation } from './operation.ts';
import { requireOwner } from './permission.ts';

/** Files made in the directory from now on are striped so. @throws ErrnoError ESTALE, ENOTDIR, EPERM, EINVAL */
export function setStriping(
  operation: Operation,
  node: number,
  { stripeBytes, width }: DirectoryStriping,
): Inode {
  const inode = operation.tree.get(node);
  if (!isDirectory(inode)) throw refusal('ENOTDIR', 'only directories say how new files are striped');
  requireOwner(inode, operation.caller);
  const striping = checkedStriping(stripeBytes, width);
  if (striping === undefined) throw refusal('EINVAL', 'no such stripe size or width');
  operation.tell(node, 'attributes');
  return operation.change(node, { ...inode, striping, ctimeNs: operation.nowNs });
}
