/** Our own calls of the MRC on open files and directories. */
import { type NodeOpenRequest, nodeCalls, type OSDWriteResponse } from '@xtreemos/rpc';
import { orderedAccess } from '@xtreemos/xtreemfs';
import { required, safeNumber } from './call-refusal.ts';
import { createNameless, createNode } from './create-node.ts';
import { refusal } from './errno-error.ts';
import { regularType, typeMask } from './file-mode.ts';
import { layoutFor } from './file-placement.ts';
import type { Request } from './file-system.ts';
import { type Found, lookup } from './lookup.ts';
import { type NodeCallParts, serveNodeCall } from './node-call.ts';
import { attributesMessage, credentialsFor } from './node-messages.ts';
import type { OpenFile } from './open-files.ts';
import { accessOf, type OpenAccess, openFlags, requireOpen } from './open-node.ts';
import type { Operation } from './operation.ts';
import { removeOrphan } from './orphans.ts';
import { isAccessDue, noteAccess, setAttributes, updateSize, type WrittenSize } from './set-attributes.ts';
import type { TreeReader } from './tree.ts';

export function serveFiles(parts: NodeCallParts): void {
  const { files, issuer, selection } = parts;
  const { names, openFiles } = files.parts;

  function opened(request: Request, { node, inode }: Found, access: OpenAccess, file: OpenFile) {
    const credentials = credentialsFor(request, { node, inode }, access.accessMode, { issuer, names });
    return {
      handle: BigInt(file.handle),
      appendTurn: BigInt(file.canWrite ? openFiles.turns.of(file, file.clientId) : 0),
      attributes: attributesMessage({ node, inode }, names),
      ...(credentials === undefined ? {} : { fileCredentials: credentials }),
    };
  }

  function addHandle({ volume, clientId, caller }: Request, node: number, access: OpenAccess, isNew = false) {
    const { canRead, canWrite } = access;
    const opening = { volume: volume.number, node, clientId, canRead, canWrite, user: caller.name };
    return openFiles.open(opening, isNew);
  }

  /** Opens what is there; with O_TRUNC that is a change. */
  async function openFound(request: Request, find: (tree: TreeReader) => Found, flags: number) {
    if ((flags & openFlags.truncate) === 0) {
      const found = find(files.tree(request));
      const access = requireOpen(found.inode, request.caller, flags);
      return opened(request, found, access, addHandle(request, found.node, access));
    }
    return withHandle(request, (operation) => {
      const { node, inode } = find(operation.tree);
      const access = requireOpen(inode, request.caller, flags);
      const cut = setAttributes(operation, node, { size: 0 }, { isOpenForWriting: true });
      return { found: { node, inode: cut }, access };
    });
  }

  /** A change that ends with an open file: the handle is there before anybody else can remove the file, and gone when the change fails. */
  async function withHandle(
    request: Request,
    work: (operation: Operation) => {
      readonly found: Found;
      readonly access: OpenAccess;
      /** The directory that was changed. */
      readonly parent?: Found;
      /** It was made by the change. */
      readonly isNew?: boolean;
    },
  ) {
    let file: OpenFile | undefined;
    try {
      return await files
        .change(request, (operation) => {
          const done = work(operation);
          file = addHandle(request, done.found.node, done.access, done.isNew);
          return { ...done, file };
        })
        .then(({ found, access, file: added, parent }) => ({
          ...opened(request, found, access, added),
          ...(parent === undefined ? {} : { parent: attributesMessage(parent, names) }),
        }));
    } catch (error) {
      if (file !== undefined) openFiles.close(file);
      throw error;
    }
  }

  serveNodeCall(parts, nodeCalls.open, (message: NodeOpenRequest, request) => {
    const node = safeNumber(message.node, 'node');
    return openFound(request, (tree) => ({ node, inode: tree.get(node) }), message.flags);
  });

  serveNodeCall(parts, nodeCalls.create, async (message, request) => {
    const { name, mode, umask, flags, exclusive } = message;
    const parent = safeNumber(message.parent, 'node');
    const find = (tree: TreeReader) => lookup(tree, request.caller, parent, name);
    const existing = exclusive ? undefined : findOrNone(() => find(files.tree(request)));
    if (existing !== undefined) return { ...(await openFound(request, find, flags)), created: false };
    const access = accessOf(flags);
    let created = true;
    const answer = await withHandle(request, (operation) => {
      // Another may have made it since.
      const other = exclusive ? undefined : findOrNone(() => find(operation.tree));
      if (other !== undefined) {
        created = false;
        const granted = requireOpen(other.inode, request.caller, flags);
        if ((flags & openFlags.truncate) === 0) return { found: other, access: granted };
        const inode = setAttributes(operation, other.node, { size: 0 }, { isOpenForWriting: true });
        return { found: { node: other.node, inode }, access: granted };
      }
      const wanted = { mode: (mode & ~typeMask) | regularType, umask };
      const found = createNode(operation, parent, name, wanted, () =>
        layoutFor(operation, parent, selection),
      );
      return { found, access, parent: { node: parent, inode: operation.tree.get(parent) }, isNew: true };
    });
    return { ...answer, created };
  });

  serveNodeCall(parts, nodeCalls.tmpfile, async ({ parent: number, mode, umask, flags }, request) => {
    const parent = safeNumber(number, 'node');
    const access = accessOf(flags);
    if (!access.canWrite) throw refusal('EINVAL', 'a file without a name is opened for writing');
    const answer = await withHandle(request, (operation) => {
      const wanted = { mode: (mode & ~typeMask) | regularType, umask };
      const found = createNameless(operation, parent, wanted, () => layoutFor(operation, parent, selection));
      return { found, access, isNew: true };
    });
    return { ...answer, created: true };
  });

  serveNodeCall(parts, nodeCalls.close, async ({ handle, written, mtimeNs, accessed }, request) => {
    const { volume, clientId } = request;
    const file = openFiles.get(safeNumber(handle, 'handle'), clientId);
    try {
      if (file.canWrite && (written !== undefined || mtimeNs !== undefined))
        await files.change(request, (operation) =>
          updateSize(operation, file.node, writtenOf(written), mtimeNs),
        );
      if (accessed && file.canRead && isDue(request, file.node))
        await files.change(request, (operation) => noteAccess(operation, file.node));
    } finally {
      const isLast = openFiles.close(file);
      if (isLast && files.tree(request).find(file.node)?.nlink === 0)
        await removeOrphan(files, volume, file.node);
    }
    return {};
  });

  /** Most reads change nothing, and cost no commit. */
  function isDue(request: Request, node: number): boolean {
    const inode = files.tree(request).find(node);
    return inode !== undefined && isAccessDue(inode, files.parts.nowNs());
  }

  serveNodeCall(parts, nodeCalls.updateSize, async (message, request) => {
    const { handle, xcap, written, mtimeNs, mayHaveHoles } = message;
    const node = writableNode(request, handle, xcap);
    const inode = await files.change(request, (operation) =>
      updateSize(operation, node, writtenOf(written), mtimeNs, mayHaveHoles),
    );
    return { attributes: attributesMessage({ node, inode }, names) };
  });

  serveNodeCall(parts, nodeCalls.appendTurn, async ({ handle, waitMs, given }, request, { signal }) => {
    const { clientId } = request;
    const node = writableNode(request, handle, undefined);
    const file = { volume: request.volume.number, node };
    const { turns } = openFiles;
    const own = turns.of(file, clientId);
    if (given !== 0n && given === BigInt(own)) turns.give(file, own);
    const turn =
      given !== 0n ? 0 : await turns.take(file, clientId, Math.min(waitMs, mostTurnWaitMs), signal);
    const inode = files.tree(request).get(node);
    return { turn: BigInt(turn), attributes: attributesMessage({ node, inode }, names) };
  });

  /** By a handle that is open for writing, or by a capability of this client. @throws ErrnoError EBADF, EACCES */
  function writableNode(
    { volume, clientId }: Request,
    handle: bigint,
    xcap: Parameters<typeof issuer.check>[0],
  ): number {
    if (handle !== 0n) {
      const file = openFiles.get(safeNumber(handle, 'handle'), clientId);
      if (!file.canWrite || file.volume !== volume.number)
        throw refusal('EBADF', 'the file is not open for writing');
      return file.node;
    }
    const { volumeId, node } = issuer.check(required(xcap, 'handle or xcap'));
    if (volumeId !== volume.id || xcap?.clientIdentity !== clientId)
      throw refusal('EACCES', 'the capability is another client’s');
    if ((xcap.accessMode & 3) === 0) throw refusal('EACCES', 'the capability is for reading');
    return node;
  }

  serveNodeCall(parts, nodeCalls.renew, ({ xcap }, request) => {
    const { volume, clientId } = request;
    // While the file is open the right to it lasts, as that of a descriptor does.
    const { volumeId, node } = issuer.check(required(xcap, 'xcap'), renewGraceMs);
    if (volumeId !== volume.id || xcap?.clientIdentity !== clientId)
      throw refusal('EACCES', 'the capability is another client’s');
    const inode = files.tree(request).get(node);
    if (!openFiles.isOpenBy(volume.number, node, clientId, xcap.accessMode & 3))
      throw refusal('EBADF', 'the client does not have the file open');
    const { accessMode } = xcap;
    // Who writes in order asks for a newer epoch: what it wrote in the older one may be cut off.
    const { truncateEpoch } = (accessMode & orderedAccess) === 0 ? xcap : inode;
    return { xcap: issuer.issue({ volumeId, node, accessMode, clientId, truncateEpoch }) };
  });
}

/** Who waits longer asks again, and so is the turn's holder. */
const mostTurnWaitMs = 5000;

/** A client that was cut off for a while renews what expired meanwhile, as long as its lease holds. */
const renewGraceMs = 24 * 3_600_000;

function findOrNone(find: () => Found): Found | undefined {
  try {
    return find();
  } catch (error) {
    if ((error as { readonly errno?: unknown }).errno === 'ENOENT') return undefined;
    throw error;
  }
}

function writtenOf(written: OSDWriteResponse | undefined): WrittenSize | undefined {
  if (written?.sizeInBytes === undefined) return undefined;
  const size = Number(written.sizeInBytes);
  return { size, truncateEpoch: written.truncateEpoch ?? 0 };
}
