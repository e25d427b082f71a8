/** XtreemFS's own calls on files that are opened, written and closed. */
import { metadataCalls, type XCap } from '@xtreemos/rpc';
import { required, safeNumber } from './call-refusal.ts';
import type { PlainCapability } from './capability-issuer.ts';
import { createNode } from './create-node.ts';
import { findPlace, requireEntry } from './directory-change.ts';
import { refusal } from './errno-error.ts';
import { regularType, typeMask } from './file-mode.ts';
import { layoutFor } from './file-placement.ts';
import type { Request } from './file-system.ts';
import type { Found } from './lookup.ts';
import { credentialsFor } from './node-messages.ts';
import { accessOf, openFlags, requireOpen } from './open-node.ts';
import type { Operation } from './operation.ts';
import { type Opened, type PathCallParts, serveOpenedCall, servePathCall } from './path-call.ts';
import { secondsOf } from './path-messages.ts';
import { beginTruncation, takeSize, truncatingAccess } from './path-truncation.ts';
import { placeOf, walk } from './path-walk.ts';
import { mayRead, requireAccess } from './permission.ts';

/** SYSTEM_V_FCNTL of the interface; the access mode is as in open(2). */
const flag = { create: 0x100, truncate: truncatingAccess, exclusive: 0x400 } as const;

export function servePathFiles(parts: PathCallParts): void {
  const { files, issuer, selection } = parts;
  const { names, nowNs } = files.parts;

  /** @throws ErrnoError EISDIR for what has no content */
  function credentials(request: Request, found: Found, accessMode: number) {
    const creds = credentialsFor(request, found, accessMode, { issuer, names });
    if (creds === undefined) throw refusal('EISDIR', 'only regular files are opened');
    return creds;
  }

  servePathCall(parts, metadataCalls.open, async ({ path, flags, mode }, request) => {
    const { accessMode } = accessOf(flags);
    const truncates = (flags & flag.truncate) !== 0;
    const wanted = accessMode | (truncates ? openFlags.truncate : 0);
    const respond = (found: Found, atNs: bigint) => ({
      creds: credentials(request, found, accessMode | (truncates ? truncatingAccess : 0)),
      timestampS: secondsOf(atNs),
    });
    if ((flags & flag.create) === 0 && !truncates) {
      const found = walk(files.tree(request), request.caller, path);
      requireOpen(found.inode, request.caller, wanted);
      return respond(found, nowNs());
    }
    const { found, atNs } = await files.change(request, (operation) => ({
      found: openOrMake(operation, { path, flags, mode, wanted }),
      atNs: operation.nowNs,
    }));
    // Names of OSDs that the change was the first to store are known from here on.
    return respond(found, atNs);
  });

  /** @throws ErrnoError of open(2) */
  function openOrMake(
    operation: Operation,
    {
      path,
      flags,
      mode,
      wanted,
    }: { readonly path: string; readonly flags: number; readonly mode: number; readonly wanted: number },
  ): Found {
    const { tree, caller } = operation;
    const { parent, name } = placeOf(tree, caller, path);
    const dots = () => refusal('EISDIR', 'a directory');
    const place = findPlace(operation, parent, name, { self: dots, parent: dots });
    const creates = (flags & flag.create) !== 0;
    if (creates && place.entry === undefined) {
      const type = mode & typeMask;
      if (type !== 0 && type !== regularType) throw refusal('EPERM', 'open makes regular files alone');
      const made = { mode: (mode & ~typeMask) | regularType, umask: 0 };
      return createNode(operation, parent, name, made, () => layoutFor(operation, parent, selection));
    }
    const { node, inode } = requireEntry(operation, place);
    if (creates && (flags & flag.exclusive) !== 0) throw refusal('EEXIST', 'the name is taken');
    requireOpen(inode, caller, wanted);
    if ((flags & flag.truncate) === 0) return { node, inode };
    return { node, inode: beginTruncation(operation, { node, inode }) };
  }

  /** @throws ErrnoError EACCES */
  function requireWriting({ accessMode }: XCap): void {
    if (!accessOf(accessMode).canWrite) throw refusal('EACCES', 'the capability is for reading');
  }

  const itself = (xcap: XCap) => xcap;

  serveOpenedCall(parts, metadataCalls.ftruncate, itself, async (_message, { request, node, xcap }) => {
    requireWriting(xcap);
    const inode = await files.change(request, (operation) =>
      beginTruncation(operation, { node, inode: operation.tree.get(node) }),
    );
    const accessMode = (xcap.accessMode & openFlags.accessMode) | truncatingAccess;
    return credentials(request, { node, inode }, accessMode).xcap;
  });

  serveOpenedCall(
    parts,
    metadataCalls.updateFileSize,
    ({ xcap }) => xcap,
    async ({ osdWriteResponse }, { request, node, xcap }) => {
      requireWriting(xcap);
      const { sizeInBytes, truncateEpoch } = required(osdWriteResponse, 'osd_write_response');
      if (osdWriteResponse === undefined || !Object.hasOwn(osdWriteResponse, 'sizeInBytes'))
        return { timestampS: secondsOf(nowNs()) };
      const written = { size: safeNumber(sizeInBytes, 'size_in_bytes'), truncateEpoch };
      const isTruncating = (xcap.accessMode & truncatingAccess) !== 0;
      return files.change(request, (operation) => {
        takeSize(operation, node, written, isTruncating);
        return { timestampS: secondsOf(operation.nowNs) };
      });
    },
  );

  /** @throws ErrnoError ENOENT for what was removed */
  function renewed({ request, node, xcap }: Opened): PlainCapability {
    if (files.tree(request).find(node) === undefined) throw refusal('ENOENT', 'the file was removed');
    const { accessMode, truncateEpoch } = xcap;
    const { volume, clientId } = request;
    return issuer.issue({ volumeId: volume.id, node, accessMode, clientId, truncateEpoch });
  }
  serveOpenedCall(parts, metadataCalls.renewCapability, itself, (_message, opened) => renewed(opened));
  // No vouchers are given: quotas are enforced where sizes are taken over.
  serveOpenedCall(
    parts,
    metadataCalls.renewCapabilityAndVoucher,
    ({ xcap }) => xcap,
    (_message, opened) => renewed(opened),
  );
  serveOpenedCall(
    parts,
    metadataCalls.clearVouchers,
    ({ creds }) => creds?.xcap,
    () => ({}),
  );

  servePathCall(parts, metadataCalls.getSuitableOsds, ({ path, numOsds }, request) => {
    if (path !== '') walk(files.tree(request), request.caller, path);
    return { osdUuids: selection.usable.slice(0, numOsds).map(({ uuid }) => uuid) };
  });

  servePathCall(parts, metadataCalls.getXlocset, ({ path }, request) => {
    const found = walk(files.tree(request), request.caller, path);
    requireAccess(found.inode, request.caller, mayRead);
    return credentials(request, found, 0).xlocs;
  });
}
