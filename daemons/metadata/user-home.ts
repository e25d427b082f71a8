/** The directory of a user in a volume of homes: made for him when he first comes, under his name and no other. */
import { homeWantsSkeleton } from '@xtreemos/xtreemfs';
import { createNode } from './create-node.ts';
import { refusal } from './errno-error.ts';
import { setAttribute } from './extended-attributes.ts';
import { directoryType, isDirectory } from './file-mode.ts';
import type { FileSystem, Request } from './file-system.ts';
import { rootNode } from './inode.ts';
import type { Found } from './lookup.ts';

/** `user` of `user@vo`; the grammar of docs/architecture.md, so that it is no `.` and no path. */
const gridUser = /^([a-z][a-z0-9._-]*)@[a-z0-9]/;

/**
 * Whoever may write to the root does not matter: it is the server that makes the directory, and only for the user who calls.
 * @throws ErrnoError EACCES for who is no user of the grid, and where the name is somebody else's; EDQUOT, ENOSPC
 */
export async function homeOf(files: FileSystem, { volume, caller, clientId }: Request): Promise<Found> {
  const [, user] = gridUser.exec(caller.name) ?? [];
  if (user === undefined) throw refusal('EACCES', 'homes are for users of the grid');
  const name = Buffer.from(user);
  const request: Request = { volume, caller, clientId };
  const entry = files.tree(request).entry(rootNode, name);
  if (entry !== undefined)
    return own(
      { node: entry.node, inode: files.tree(request).get(entry.node) },
      files.parts.names.idOf(caller.name),
    );
  return await files.change({ ...request, caller: { ...caller, isSuperuser: true } }, (operation) => {
    // Another host of his may have been first.
    const there = operation.tree.entry(rootNode, name);
    if (there !== undefined)
      return own({ node: there.node, inode: operation.tree.get(there.node) }, operation.idOf(caller.name));
    const { node } = createNode(operation, rootNode, name, { mode: directoryType | 0o700, umask: 0 });
    return {
      node,
      inode: setAttribute(operation, node, Buffer.from(homeWantsSkeleton), new Uint8Array(0), 0),
    };
  });
}

function own(found: Found, userId: number): Found {
  if (isDirectory(found.inode) && userId !== 0 && found.inode.owner === userId) return found;
  throw refusal('EACCES', 'what has the name of the user in the volume is not his directory');
}
