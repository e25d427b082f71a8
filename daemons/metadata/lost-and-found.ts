/** Where a repair puts files that no name leads to. */

import { createNode } from './create-node.ts';
import { addName } from './directory-change.ts';
import { directoryType, entryTypeOf, isDirectory } from './file-mode.ts';
import { maximumNameBytes } from './file-name.ts';
import { type Inode, rootNode } from './inode.ts';
import type { Found } from './lookup.ts';
import type { Operation } from './operation.ts';
import { setAttributes } from './set-attributes.ts';

const folderName = 'lost+found';
const writableByOthers = 0o022;

/**
 * Gives a file the name `#NUMBER`, followed by the name that it had if that is known, in `/lost+found`. It keeps its owner and permissions; a directory keeps all
 * that is in it.
 * @returns its path
 */
export function bringToLostAndFound(operation: Operation, { node, inode }: Found, former?: Buffer): string {
  const { tree, nowNs } = operation;
  const folder = lostAndFound(operation);
  const name = freeName(operation, folder.node, `#${node}`, former);
  const isFolder = isDirectory(inode);
  const kept = operation.change(node, {
    ...inode,
    nlink: isFolder ? linksOfDirectory(operation, node) : Math.max(inode.nlink, 1),
    ctimeNs: nowNs,
    isLinkable: false,
    ...(isFolder ? { parent: folder.node } : {}),
  });
  operation.forgetOrphan(node);
  const directory = tree.get(folder.node);
  addName(operation, { parent: folder.node, directory, name, entry: undefined }, node, kept);
  operation.tell(node, 'attributes');
  return `/${folder.name}/${name.toString('utf8')}`;
}

/** As the directory's own entries say. */
export function linksOfDirectory({ tree }: Operation, node: number): number {
  let links = 2;
  for (const { type } of tree.entries(node)) if (type === entryTypeOf(directoryType)) links += 1;
  return links;
}

/** For the owner of the volume alone. A directory of that name that somebody else made or may write to could be a trap: another one is taken then. */
function lostAndFound(operation: Operation): { readonly node: number; readonly name: string } {
  const { tree } = operation;
  const root = tree.getDirectory(rootNode);
  for (let number = 0; ; number++) {
    const name = number === 0 ? folderName : `${folderName}.${number}`;
    const entry = tree.entry(rootNode, Buffer.from(name));
    if (entry === undefined) return { node: makeFolder(operation, root, name), name };
    const inode = tree.find(entry.node);
    if (inode !== undefined && isSafeFolder(inode, root)) return { node: entry.node, name };
  }
}

function isSafeFolder(inode: Inode, root: Inode): boolean {
  return (
    isDirectory(inode) &&
    inode.nlink > 0 &&
    inode.parent === rootNode &&
    inode.owner === root.owner &&
    inode.accessAcl === undefined &&
    (inode.mode & writableByOthers) === 0
  );
}

function makeFolder(operation: Operation, { owner, group }: Inode, name: string): number {
  const wanted = { mode: directoryType | 0o700, umask: 0 };
  const { node } = createNode(operation, rootNode, Buffer.from(name), wanted);
  const { defaultAcl: _default, accessAcl: _access, ...plain } = operation.tree.get(node);
  operation.change(node, { ...plain, mode: directoryType | 0o700 });
  setAttributes(operation, node, { owner: operation.nameOf(owner), group: operation.nameOf(group) });
  return node;
}

function freeName({ tree }: Operation, folder: number, number: string, former: Buffer | undefined): Buffer {
  for (let copy = 1; ; copy++) {
    const start = Buffer.from(copy === 1 ? number : `${number}.${copy}`);
    const name =
      former === undefined
        ? start
        : Buffer.concat([start, Buffer.from('-'), former]).subarray(0, maximumNameBytes);
    if (tree.entry(folder, name) === undefined) return name;
  }
}
