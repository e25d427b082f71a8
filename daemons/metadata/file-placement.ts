import type { Layout } from './inode.ts';
import type { Operation } from './operation.ts';
import type { OsdSelection } from './placement.ts';

/** Where the objects of a file will be that is made in a directory. @throws ErrnoError ESTALE, ENOSPC, EIO */
export function layoutFor(operation: Operation, directory: number, selection: OsdSelection): Layout {
  const { volume, tree } = operation;
  const { stripeBytes, width } = tree.get(directory).striping ?? volume.striping;
  const uuids = selection.choose(volume.placement, width);
  return { stripeBytes, osds: uuids.map((uuid) => operation.idOf(uuid)) };
}
