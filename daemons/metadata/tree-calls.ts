/** Our own calls of the MRC that find, make and remove names. */
import { nodeCalls } from '@xtreemos/rpc';
import { safeNumber } from './call-refusal.ts';
import { createNode, linkNode, type NewNode } from './create-node.ts';
import { refusal } from './errno-error.ts';
import { directoryType, isRegular, linkType, regularType, typeMask } from './file-mode.ts';
import { layoutFor } from './file-placement.ts';
import type { Request } from './file-system.ts';
import { type Found, lookup, readLink } from './lookup.ts';
import { type NodeCallParts, serveNodeCall } from './node-call.ts';
import { attributesMessage } from './node-messages.ts';
import type { Operation } from './operation.ts';
import { removeDirectory, unlinkNode } from './remove-node.ts';
import { renameNode } from './rename-node.ts';

export function serveTree(parts: NodeCallParts): void {
  const { files, selection } = parts;
  const { names, latelyFound, openFiles } = files.parts;
  const entry = (found: Found) => ({ attributes: attributesMessage(found, names) });

  /** Changes names in a directory, and tells what that is like then. */
  async function change<Value>(
    request: Request,
    directory: bigint,
    work: (operation: Operation, parent: number) => Value,
  ) {
    const parent = safeNumber(directory, 'node');
    const { value, inode } = await files.change(request, (operation) => {
      const result = work(operation, parent);
      return { value: result, inode: operation.tree.get(parent) };
    });
    return { value, parent: attributesMessage({ node: parent, inode }, names) };
  }

  async function made(
    request: Request,
    directory: bigint,
    work: (operation: Operation, parent: number) => Found,
  ) {
    const { value, parent } = await change(request, directory, work);
    return { ...entry(value), parent };
  }

  serveNodeCall(parts, nodeCalls.lookup, ({ parent, name }, request) => {
    const { volume, caller, clientId } = request;
    const find = () => lookup(files.tree(request), caller, safeNumber(parent, 'node'), name);
    const tell = (found: Found) => {
      if (isRegular(found.inode)) latelyFound.note({ volume: volume.number, node: found.node }, clientId);
      return entry(found);
    };
    const found = find();
    // What is about to be gone would be gone when it is opened.
    if (openFiles.isRemoved(volume.number, found.node)) return files.committed().then(() => tell(find()));
    return tell(found);
  });

  serveNodeCall(parts, nodeCalls.readlink, ({ node }, request) => ({
    target: readLink(files.tree(request), safeNumber(node, 'node')),
  }));

  serveNodeCall(parts, nodeCalls.mknod, async ({ parent, name, mode, umask, rdev }, request) => {
    const type = (mode & typeMask) === 0 ? regularType : mode & typeMask;
    if (type === directoryType || type === linkType)
      throw refusal('EPERM', 'mknod makes neither directories nor links');
    const wanted: NewNode = { mode: (mode & ~typeMask) | type, umask, rdev };
    return made(request, parent, (operation, directory) =>
      createNode(operation, directory, name, wanted, () =>
        type === regularType ? layoutFor(operation, directory, selection) : undefined,
      ),
    );
  });

  serveNodeCall(parts, nodeCalls.mkdir, async ({ parent, name, mode, umask }, request) => {
    const wanted = { mode: (mode & ~typeMask) | directoryType, umask };
    return made(request, parent, (operation, directory) => createNode(operation, directory, name, wanted));
  });

  serveNodeCall(parts, nodeCalls.symlink, async ({ parent, name, target }, request) => {
    const wanted = { mode: linkType | 0o777, umask: 0, target };
    return made(request, parent, (operation, directory) => createNode(operation, directory, name, wanted));
  });

  serveNodeCall(parts, nodeCalls.link, ({ node, newParent, newName }, request) =>
    made(request, newParent, (operation, directory) =>
      linkNode(operation, safeNumber(node, 'node'), directory, newName),
    ),
  );

  serveNodeCall(parts, nodeCalls.unlink, async ({ parent, name }, request) => {
    const { parent: directory } = await change(request, parent, (operation, number) =>
      unlinkNode(operation, number, name),
    );
    return { parent: directory };
  });

  serveNodeCall(parts, nodeCalls.rmdir, async ({ parent, name }, request) => {
    const { parent: directory } = await change(request, parent, (operation, number) =>
      removeDirectory(operation, number, name),
    );
    return { parent: directory };
  });

  serveNodeCall(parts, nodeCalls.rename, async (message, request) => {
    const from = { parent: safeNumber(message.parent, 'node'), name: message.name };
    const to = { parent: safeNumber(message.newParent, 'node'), name: message.newName };
    await files.change(request, (operation) => renameNode(operation, from, to, message.flags));
    return {};
  });
}
