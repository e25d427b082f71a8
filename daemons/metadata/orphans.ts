/** Files without a name that were kept because somebody had them open. */
import { afterPrefix } from '@xtreemos/store';
import { callerOf } from './caller.ts';
import type { FileSystem, Request } from './file-system.ts';
import type { OpenFile } from './open-files.ts';
import { nodeOfKey, volumePrefix } from './store-keys.ts';
import type { Volume } from './volume.ts';

/** The server itself: for work that no user asks for. */
export function ownRequest(files: FileSystem, volume: Volume): Request {
  return { volume, caller: callerOf(files.parts.names, { name: '0', groups: ['0'] }, true), clientId: '' };
}

/** Removes a file that has no name and that nobody has open; leaves every other one. */
export async function removeOrphan(files: FileSystem, volume: Volume, node: number): Promise<void> {
  await files.change(ownRequest(files, volume), (operation) => {
    const inode = operation.tree.find(node);
    if (inode === undefined || inode.nlink > 0) return;
    if (files.parts.openFiles.isOpen(volume.number, node)) return;
    operation.purge(node, inode);
  });
}

/** @param ended files that nobody has open any more, or that were kept for who might open them; those with a name stay */
export async function removeClosed(
  files: FileSystem,
  ended: readonly Pick<OpenFile, 'volume' | 'node'>[],
): Promise<void> {
  for (const { volume: number, node } of ended) {
    const volume = files.parts.volumes.all.find((known) => known.number === number);
    if (volume === undefined) continue;
    const inode = files.tree(ownRequest(files, volume)).find(node);
    if (inode?.nlink === 0) await removeOrphan(files, volume, node);
  }
}

/** After a restart, when whoever had files open has claimed them: what is left is gone. @returns how many were looked at */
export async function sweepOrphans(files: FileSystem): Promise<number> {
  const { store, volumes, openFiles } = files.parts;
  let count = 0;
  for (const volume of volumes.all) {
    const from = volumePrefix('orphan', volume.number);
    const to = afterPrefix(from);
    const nodes: number[] = [];
    for (const { key } of store.range({ from, ...(to === undefined ? {} : { to }) }))
      nodes.push(nodeOfKey(key));
    count += nodes.length;
    for (const node of nodes)
      if (!openFiles.isOpen(volume.number, node)) await removeOrphan(files, volume, node);
  }
  return count;
}
