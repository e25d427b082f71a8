/** Requests of the kernel about attributes: stat(2), chmod(2) and their like, extended attributes, statfs(2). */
import type { AttributeChanges, FuseOperations } from '@xtreemos/fuse';
import { type FileCredentials, nodeCalls } from '@xtreemos/rpc';
import { aclNames, formatAcl, parseAcl } from './acl-xattr.ts';
import type { AllocatedSpace } from './allocated-space.ts';
import { Failure } from './call-failure.ts';
import { Capabilities } from './capabilities.ts';
import { layoutOf } from './file-layout.ts';
import { blocksOf, knownSizeOf, nanosecondsOf, present } from './kernel-attributes.ts';
import { ObjectAccess, type WrittenAnswer } from './object-access.ts';
import type { ObjectServers } from './object-servers.ts';
import { goneIsDone, thereIsDone } from './repeated-call.ts';
import type { VolumeView } from './volume-view.ts';

const createOnly = 1;
const capabilityName = Buffer.from('security.capability');

export type AttributeOperations = Required<
  Pick<
    FuseOperations,
    'getattr' | 'setattr' | 'access' | 'statfs' | 'getxattr' | 'setxattr' | 'listxattr' | 'removexattr'
  >
>;

/** Of files with holes: what another mount has on its way to their OSDs it tells to nobody. */
const spaceKeptNs = 1e9;

export function attributeOperations(
  view: VolumeView,
  servers: ObjectServers,
  space: AllocatedSpace,
): AttributeOperations {
  const { metadata, watch, directories, known, open, ids } = view.parts;

  /** Objects follow what the MRC did. */
  async function truncate(node: number, credentials: FileCredentials, size: number): Promise<WrittenAnswer> {
    const data = open.data(node);
    if (data !== undefined) return data.truncate(credentials, size);
    const unused = new Capabilities({
      renew: () => Promise.reject(new Failure('EBADF', 'the file is not open')),
      monotonicMs: () => performance.now(),
    });
    const layout = layoutOf(credentials.xcap?.fileId ?? '', credentials.xlocs);
    return new ObjectAccess(layout, servers, unused).truncate(credentials, size);
  }

  return {
    async getattr(request, node, handle) {
      const changed = directories.attributes(node);
      if (changed !== undefined) return view.attributes(changed.attributes, changed.mark);
      const data = open.data(node);
      // The MRC is to know of the hole. What it refuses close(2) tells.
      if (data?.size.leavesHole === true) await open.confirm(node, request.signal).catch(() => undefined);
      const { mark } = watch;
      // Whoever has it open sees it, whatever became of his rights.
      const user = handle === undefined ? view.askerOf(request).user : open.get(handle).user;
      const { attributes, spaceCredentials } = await metadata.call(
        nodeCalls.getattr,
        { volumeId: view.volumeId, node: BigInt(node) },
        { user, signal: request.signal },
      );
      if (spaceCredentials === undefined) return view.attributes(attributes, mark);
      // Counted before: what arrives meanwhile is counted twice rather than not at all.
      const unwritten = data?.unwrittenBytes;
      const allocated = await space.bytesOf(spaceCredentials, request.signal);
      const reply = view.attributes(attributes, mark);
      const blocks = blocksOf(reply.attributes.size, allocated, unwritten);
      return {
        attributes: { ...reply.attributes, blocks },
        attributesTimeoutNs: Math.min(watch.timeoutNs(mark, node), spaceKeptNs),
      };
    },

    async setattr(request, node, changes) {
      const { mark } = watch;
      const asker = view.askerOf(request);
      // What was written before is not to change the size or time that is set now.
      if (changes.size !== undefined || changes.mtime !== undefined) await open.settle(node, asker.signal);
      const { attributes, fileCredentials } = await directories.changeUntold(node, () =>
        metadata.call(
          nodeCalls.setattr,
          {
            volumeId: view.volumeId,
            node: BigInt(node),
            ...changed(changes),
            ...(changes.handle === undefined ? {} : { handle: open.get(changes.handle).handle }),
          },
          asker,
        ),
      );
      if (changes.size !== undefined && fileCredentials !== undefined) {
        await metadata.objectsCut(fileCredentials, await truncate(node, fileCredentials, changes.size));
        open.data(node)?.size.truncated(knownSizeOf(present(attributes)));
      }
      return view.attributes(attributes, mark);
    },

    async access(request, node, mask) {
      const asked = { volumeId: view.volumeId, node: BigInt(node), mask };
      await metadata.call(nodeCalls.access, asked, view.askerOf(request));
    },

    async statfs(request) {
      const found = await metadata.call(nodeCalls.statfs, { volumeId: view.volumeId }, view.askerOf(request));
      const blockBytes = 4096;
      const blocksOf = (bytes: bigint) => Number(bytes / BigInt(blockBytes));
      return {
        blocks: blocksOf(found.totalBytes),
        freeBlocks: blocksOf(found.freeBytes),
        availableBlocks: blocksOf(found.availableBytes),
        files: Number(found.files),
        freeFiles: Number(found.freeFiles),
        blockBytes,
        fragmentBytes: blockBytes,
        nameBytes: found.nameMax,
      };
    },

    async getxattr(request, node, name) {
      // The kernel asks for it before the first write to each file.
      const bareSince = known.bareSince(node);
      if (name.equals(capabilityName) && bareSince !== undefined && watch.isCurrent(bareSince, node))
        throw new Failure('ENODATA', 'the file is new');
      const asked = { volumeId: view.volumeId, node: BigInt(node), name };
      const { value, acl } = await metadata.call(nodeCalls.getxattr, asked, view.askerOf(request));
      return aclNames.has(name.toString('latin1'))
        ? formatAcl(acl ?? { entries: [] }, ids)
        : Buffer.from(value);
    },

    async setxattr(request, node, name, value, { flags }) {
      known.dressed(node);
      const asked = { volumeId: view.volumeId, node: BigInt(node), name, flags };
      await directories.changeUntold(node, () =>
        metadata.call(
          nodeCalls.setxattr,
          aclNames.has(name.toString('latin1'))
            ? { ...asked, acl: parseAcl(value, ids) }
            : { ...asked, value },
          {
            ...view.askerOf(request),
            ...((flags & createOnly) === 0 ? {} : { whenRepeated: thereIsDone }),
          },
        ),
      );
    },

    async listxattr(request, node) {
      const asked = { volumeId: view.volumeId, node: BigInt(node) };
      const { names } = await metadata.call(nodeCalls.listxattr, asked, view.askerOf(request));
      return names.map((name) => Buffer.from(name));
    },

    async removexattr(request, node, name) {
      const asked = { volumeId: view.volumeId, node: BigInt(node), name };
      const asker = view.askerOf(request);
      await directories.changeUntold(node, () =>
        metadata.call(nodeCalls.removexattr, asked, { ...asker, whenRepeated: goneIsDone }),
      );
    },
  };

  function changed({ mode, uid, gid, size, atime, mtime }: AttributeChanges) {
    return {
      ...(mode === undefined ? {} : { mode }),
      ...(uid === undefined ? {} : { owner: ids.ownerOf(uid) }),
      ...(gid === undefined ? {} : { group: ids.groupOf(gid) }),
      ...(size === undefined ? {} : { size: BigInt(size) }),
      ...(atime === undefined
        ? {}
        : atime === 'now'
          ? { atimeNow: true }
          : { atimeNs: nanosecondsOf(atime) }),
      ...(mtime === undefined
        ? {}
        : mtime === 'now'
          ? { mtimeNow: true }
          : { mtimeNs: nanosecondsOf(mtime) }),
    };
  }
}
