/** XtreemFS's own calls that make and remove names. Objects of what is removed are the server's business: no credentials are given for it. */
import { metadataCalls } from '@xtreemos/rpc';
import { createNode, linkNode } from './create-node.ts';
import { directoryType, linkType, typeMask } from './file-mode.ts';
import type { Request } from './file-system.ts';
import { readLink } from './lookup.ts';
import type { Operation } from './operation.ts';
import { type PathCallParts, servePathCall } from './path-call.ts';
import { secondsOf } from './path-messages.ts';
import { placeOf, walk } from './path-walk.ts';
import { removeDirectory, unlinkNode } from './remove-node.ts';
import { type Name, renameNode } from './rename-node.ts';

export function servePathTree(parts: PathCallParts): void {
  const { files } = parts;

  /** @returns when it happened, which clients take for the times of the directories */
  function change(request: Request, work: (operation: Operation, place: (path: string) => Name) => unknown) {
    return files.change(request, (operation) => {
      work(operation, (path) => placeOf(operation.tree, operation.caller, path));
      return { timestampS: secondsOf(operation.nowNs) };
    });
  }

  // The client's kernel has taken the umask off.
  servePathCall(parts, metadataCalls.mkdir, ({ path, mode }, request) =>
    change(request, (operation, place) => {
      const { parent, name } = place(path);
      createNode(operation, parent, name, { mode: (mode & ~typeMask) | directoryType, umask: 0 });
    }),
  );

  servePathCall(parts, metadataCalls.symlink, ({ targetPath, linkPath }, request) =>
    change(request, (operation, place) => {
      const { parent, name } = place(linkPath);
      const target = Buffer.from(targetPath, 'utf8');
      createNode(operation, parent, name, { mode: linkType | 0o777, umask: 0, target });
    }),
  );

  servePathCall(parts, metadataCalls.link, ({ targetPath, linkPath }, request) =>
    change(request, (operation, place) => {
      const { node } = walk(operation.tree, operation.caller, targetPath);
      const { parent, name } = place(linkPath);
      linkNode(operation, node, parent, name);
    }),
  );

  servePathCall(parts, metadataCalls.unlink, ({ path }, request) =>
    change(request, (operation, place) => {
      const { parent, name } = place(path);
      unlinkNode(operation, parent, name);
    }),
  );

  servePathCall(parts, metadataCalls.rmdir, ({ path }, request) =>
    change(request, (operation, place) => {
      const { parent, name } = place(path);
      removeDirectory(operation, parent, name);
    }),
  );

  servePathCall(parts, metadataCalls.rename, ({ sourcePath, targetPath }, request) =>
    change(request, (operation, place) => renameNode(operation, place(sourcePath), place(targetPath), 0)),
  );

  servePathCall(parts, metadataCalls.readlink, ({ path }, request) => {
    const tree = files.tree(request);
    const { node } = walk(tree, request.caller, path);
    return { linkTargetPath: [readLink(tree, node).toString('utf8')] };
  });
}
