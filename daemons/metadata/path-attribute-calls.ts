/** XtreemFS's own calls on attributes: stat, chmod and their like, access, extended attributes, statvfs. */
import { AccessControlPolicyType, metadataCalls, Setattrs, type Stat } from '@xtreemos/rpc';
import { required, safeNumber } from './call-refusal.ts';
import { storedName } from './caller.ts';
import { refusal } from './errno-error.ts';
import {
  accessAclName,
  defaultAclName,
  getAttribute,
  listAttributes,
  removeAttribute,
  setAttribute,
} from './extended-attributes.ts';
import type { Request } from './file-system.ts';
import { rootNode } from './inode.ts';
import { checkAccess } from './lookup.ts';
import type { Operation } from './operation.ts';
import { type PathCallParts, serveOpenedCall, servePathCall } from './path-call.ts';
import { secondsOf, statMessage } from './path-messages.ts';
import { walk } from './path-walk.ts';
import { allows, isOwner, mayRead } from './permission.ts';
import {
  getPolicyAttribute,
  isPolicyAttribute,
  policyAttributes,
  setPolicyAttribute,
} from './policy-attributes.ts';
import { type AttributeChanges, setAttributes } from './set-attributes.ts';
import { volumeSpace } from './volume-space.ts';

/** A client's clock, and a call that waited, are off by less. */
const nowToleranceNs = 60_000_000_000n;

export function servePathAttributes(parts: PathCallParts): void {
  const { files, selection } = parts;
  const { names } = files.parts;

  servePathCall(parts, metadataCalls.getattr, ({ path }, request) => ({
    stbuf: statMessage(walk(files.tree(request), request.caller, path), request.volume, names),
  }));

  function change(
    request: Request,
    path: string,
    work: (operation: Operation, node: number) => unknown,
  ): Promise<{ readonly timestampS: number }> {
    return files.change(request, (operation) => {
      work(operation, walk(operation.tree, operation.caller, path).node);
      return { timestampS: secondsOf(operation.nowNs) };
    });
  }

  servePathCall(parts, metadataCalls.setattr, ({ path, stbuf, toSet }, request) =>
    change(request, path, (operation, node) =>
      setAttributes(operation, node, changesOf(operation, node, required(stbuf, 'stbuf'), toSet)),
    ),
  );

  serveOpenedCall(
    parts,
    metadataCalls.fsetattr,
    ({ cap }) => cap,
    async ({ stbuf, toSet }, { request, node }) => {
      await files.change(request, (operation) =>
        setAttributes(operation, node, changesOf(operation, node, required(stbuf, 'stbuf'), toSet)),
      );
      return {};
    },
  );

  servePathCall(parts, metadataCalls.access, ({ path, flags }, request) => {
    const tree = files.tree(request);
    checkAccess(tree, request.caller, walk(tree, request.caller, path).node, flags);
    return {};
  });

  const valued = (value: Uint8Array) => ({
    value: Buffer.from(value).toString('utf8'),
    valueBytesString: value,
  });

  servePathCall(parts, metadataCalls.getxattr, ({ path, name: text }, request) => {
    const { caller, volume } = request;
    const tree = files.tree(request);
    const { node } = walk(tree, caller, path);
    const name = attributeName(text);
    return valued(
      isPolicyAttribute(name)
        ? getPolicyAttribute(tree, caller, node, name, { volume, names })
        : getAttribute(tree, caller, node, name),
    );
  });

  // Clients take the values of attributes from here as well.
  servePathCall(parts, metadataCalls.listxattr, ({ path, namesOnly }, request) => {
    const { caller, volume } = request;
    const tree = files.tree(request);
    const { node, inode } = walk(tree, caller, path);
    const isReadable = allows(inode, caller, mayRead);
    const own = listAttributes(tree, caller, node).filter(
      (name) => !isAcl(name) && (namesOnly || isReadable || !name.toString('latin1').startsWith('user.')),
    );
    const xattrs: { name: string; value?: string; valueBytesString?: Uint8Array }[] = own.map((name) => ({
      name: name.toString('utf8'),
      ...(namesOnly ? {} : valued(getAttribute(tree, caller, node, name))),
    }));
    if (isReadable)
      for (const [name, text] of policyAttributes(tree, node, { volume, names }))
        xattrs.push({ name, ...(namesOnly ? {} : valued(Buffer.from(text, 'utf8'))) });
    return { xattrs };
  });

  servePathCall(parts, metadataCalls.setxattr, (message, request) => {
    const { path, name: text, value, valueBytesString, flags } = message;
    const bytes = Object.hasOwn(message, 'valueBytesString') ? valueBytesString : Buffer.from(value, 'utf8');
    const name = attributeName(text);
    return change(request, path, (operation, node) =>
      isPolicyAttribute(name)
        ? setPolicyAttribute(operation, node, name, bytes)
        : setAttribute(operation, node, name, bytes, flags),
    );
  });

  servePathCall(parts, metadataCalls.removexattr, ({ path, name }, request) =>
    change(request, path, (operation, node) => removeAttribute(operation, node, attributeName(name))),
  );

  servePathCall(parts, metadataCalls.statvfs, (_message, request) => {
    const { volume } = request;
    const { totalBytes, freeBytes } = volumeSpace(files, selection, volume);
    const root = files.tree(request).get(rootNode);
    const { stripeBytes, width } = volume.striping;
    const free = BigInt(Math.floor(freeBytes / stripeBytes));
    return {
      bsize: stripeBytes,
      bavail: free,
      bfree: free,
      blocks: BigInt(Math.floor(totalBytes / stripeBytes)),
      fsid: volume.id,
      namemax: 255,
      accessControlPolicy: AccessControlPolicyType.ACCESS_CONTROL_POLICY_POSIX,
      defaultStripingPolicy: { type: 0, stripeSize: stripeBytes / 1024, width },
      etag: BigInt(root.change),
      mode: root.mode,
      name: volume.name,
      ownerGroupId: names.nameOf(root.group),
      ownerUserId: names.nameOf(root.owner),
    };
  });
}

/** ctime is the server's alone, and there are no attributes of Windows. @throws RpcError EINVAL */
function changesOf(
  { caller, tree, nowNs }: Operation,
  node: number,
  stat: Stat,
  toSet: number,
): AttributeChanges {
  const sets = (attribute: Setattrs) => (toSet & attribute) !== 0;
  // touch(1) of who may write and is not the owner: clients say "now" by their own clock.
  const isNear = (ns: bigint) => ns > nowNs - nowToleranceNs && ns < nowNs + nowToleranceNs;
  const saysNow =
    sets(Setattrs.SETATTR_ATIME) &&
    sets(Setattrs.SETATTR_MTIME) &&
    isNear(stat.atimeNs) &&
    isNear(stat.mtimeNs) &&
    !caller.isSuperuser &&
    !isOwner(tree.get(node), caller);
  return {
    ...(sets(Setattrs.SETATTR_MODE) ? { mode: stat.mode } : {}),
    ...(sets(Setattrs.SETATTR_UID) ? { owner: storedName(stat.userId) } : {}),
    ...(sets(Setattrs.SETATTR_GID) ? { group: storedName(stat.groupId) } : {}),
    ...(sets(Setattrs.SETATTR_SIZE) ? { size: safeNumber(stat.size, 'size') } : {}),
    ...(sets(Setattrs.SETATTR_ATIME) ? { atime: saysNow ? 'now' : stat.atimeNs } : {}),
    ...(sets(Setattrs.SETATTR_MTIME) ? { mtime: saysNow ? 'now' : stat.mtimeNs } : {}),
  };
}

function isAcl(name: Buffer): boolean {
  const text = name.toString('latin1');
  return text === accessAclName || text === defaultAclName;
}

/** The binary form of access control lists has numbers of users, which mean nothing here. @throws ErrnoError EOPNOTSUPP */
function attributeName(text: string): Buffer {
  const name = Buffer.from(text, 'utf8');
  if (isAcl(name)) throw refusal('EOPNOTSUPP', 'access control lists are not set by paths');
  return name;
}
