/** Our own calls of the MRC on attributes: stat, chmod and their like, extended attributes, access control lists. */
import { nodeCalls } from '@xtreemos/rpc';
import { required, safeNumber } from './call-refusal.ts';
import { refusal } from './errno-error.ts';
import {
  type AclKind,
  accessAclName,
  defaultAclName,
  getAcl,
  getAttribute,
  listAttributes,
  removeAttribute,
  setAcl,
  setAttribute,
} from './extended-attributes.ts';
import type { Request } from './file-system.ts';
import { checkAccess } from './lookup.ts';
import { type NodeCallParts, serveNodeCall } from './node-call.ts';
import {
  aclMessage,
  aclOf,
  attributesMessage,
  credentialsFor,
  spaceCredentialsFor,
} from './node-messages.ts';
import { getPolicyAttribute, isPolicyAttribute, setPolicyAttribute } from './policy-attributes.ts';
import { type AttributeChanges, setAttributes } from './set-attributes.ts';
import { volumeSpace } from './volume-space.ts';

export function serveAttributes(parts: NodeCallParts): void {
  const { files, issuer, selection } = parts;
  const { names, openFiles } = files.parts;

  serveNodeCall(parts, nodeCalls.getattr, ({ node: number }, request) => {
    const node = safeNumber(number, 'node');
    const found = { node, inode: files.tree(request).get(node) };
    const spaceCredentials = spaceCredentialsFor(request, found, { issuer, names });
    return {
      attributes: attributesMessage(found, names),
      ...(spaceCredentials === undefined ? {} : { spaceCredentials }),
    };
  });

  serveNodeCall(parts, nodeCalls.setattr, async (message, request) => {
    const node = safeNumber(message.node, 'node');
    const changes = changesOf(message);
    const isOpenForWriting = message.handle !== 0n && mayTruncate(request, node, message.handle);
    const inode = await files.change(request, (operation) =>
      setAttributes(operation, node, changes, { isOpenForWriting }),
    );
    const credentials =
      changes.size === undefined ? undefined : credentialsFor(request, { node, inode }, 1, { issuer, names });
    return {
      attributes: attributesMessage({ node, inode }, names),
      ...(credentials === undefined ? {} : { fileCredentials: credentials }),
    };
  });

  /** @throws ErrnoError EBADF */
  function mayTruncate({ clientId, volume }: Request, node: number, handle: bigint): boolean {
    const file = openFiles.get(safeNumber(handle, 'handle'), clientId);
    if (file.node !== node || file.volume !== volume.number)
      throw refusal('EBADF', 'the handle is another file’s');
    return file.canWrite;
  }

  serveNodeCall(parts, nodeCalls.access, ({ node, mask }, request) => {
    checkAccess(files.tree(request), request.caller, safeNumber(node, 'node'), mask);
    return {};
  });

  serveNodeCall(parts, nodeCalls.getxattr, ({ node: number, name: bytes }, request) => {
    const node = safeNumber(number, 'node');
    const name = Buffer.from(bytes);
    const kind = aclKindOf(name);
    if (kind !== undefined) return { acl: aclMessage(getAcl(files.tree(request), node, kind), names) };
    if (isPolicyAttribute(name)) {
      const context = { volume: request.volume, names };
      return { value: getPolicyAttribute(files.tree(request), request.caller, node, name, context) };
    }
    return { value: getAttribute(files.tree(request), request.caller, node, name) };
  });

  serveNodeCall(parts, nodeCalls.listxattr, ({ node }, request) => ({
    names: listAttributes(files.tree(request), request.caller, safeNumber(node, 'node')),
  }));

  serveNodeCall(
    parts,
    nodeCalls.setxattr,
    async ({ node: number, name: bytes, value, acl, flags }, request) => {
      const node = safeNumber(number, 'node');
      const name = Buffer.from(bytes);
      const kind = aclKindOf(name);
      await files.change(request, (operation) => {
        if (isPolicyAttribute(name)) return setPolicyAttribute(operation, node, name, value);
        if (kind === undefined) return setAttribute(operation, node, name, value, flags);
        const list = aclOf(required(acl, 'the access control list'), (who) => operation.idOf(who));
        return setAcl(operation, node, kind, list);
      });
      return {};
    },
  );

  serveNodeCall(parts, nodeCalls.removexattr, async ({ node: number, name: bytes }, request) => {
    const node = safeNumber(number, 'node');
    const name = Buffer.from(bytes);
    const kind = aclKindOf(name);
    await files.change(request, (operation) =>
      kind === undefined ? removeAttribute(operation, node, name) : setAcl(operation, node, kind, undefined),
    );
    return {};
  });

  serveNodeCall(parts, nodeCalls.statfs, (_message, request) => {
    const { totalBytes, freeBytes, mostFiles, freeFiles } = volumeSpace(files, selection, request.volume);
    return {
      totalBytes: BigInt(totalBytes),
      freeBytes: BigInt(freeBytes),
      availableBytes: BigInt(freeBytes),
      files: BigInt(mostFiles),
      freeFiles: BigInt(freeFiles),
      nameMax: 255,
    };
  });
}

function aclKindOf(name: Buffer): AclKind | undefined {
  const text = name.toString('latin1');
  if (text === accessAclName) return 'access';
  return text === defaultAclName ? 'default' : undefined;
}

function changesOf(message: {
  readonly mode?: number | undefined;
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  readonly size?: bigint | undefined;
  readonly atimeNs?: bigint | undefined;
  readonly mtimeNs?: bigint | undefined;
  readonly atimeNow: boolean;
  readonly mtimeNow: boolean;
}): AttributeChanges {
  const { mode, owner, group, size, atimeNs, mtimeNs, atimeNow, mtimeNow } = message;
  const atime = atimeNow ? 'now' : atimeNs;
  const mtime = mtimeNow ? 'now' : mtimeNs;
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
    ...(size === undefined ? {} : { size: sizeOf(size) }),
    ...(atime === undefined ? {} : { atime }),
    ...(mtime === undefined ? {} : { mtime }),
  };
}

/** Sizes beyond what a number holds are beyond what a file can have as well. */
function sizeOf(size: bigint): number {
  return Number(size < 2n ** 53n ? size : 2n ** 53n - 1n);
}
