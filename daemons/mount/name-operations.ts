/** Requests of the kernel about names: looking up, making, removing, renaming. */
import type { FuseOperations } from '@xtreemos/fuse';
import { nodeCalls } from '@xtreemos/rpc';
import { isErrno } from './call-failure.ts';
import { linkedBefore, madeBefore, removedBefore, renamedBefore } from './repeated-call.ts';
import type { VolumeView } from './volume-view.ts';

const typeMask = 0o170000;
const directoryType = 0o040000;
const linkType = 0o120000;

export type NameOperations = Required<
  Pick<
    FuseOperations,
    'lookup' | 'forget' | 'readlink' | 'symlink' | 'mknod' | 'mkdir' | 'unlink' | 'rmdir' | 'rename' | 'link'
  >
>;

export function nameOperations(view: VolumeView): NameOperations {
  const { metadata, watch, known, directories } = view.parts;

  return {
    async lookup(request, parent, name) {
      const { mark } = watch;
      try {
        const entry = await metadata.call(
          nodeCalls.lookup,
          { volumeId: view.volumeId, parent: BigInt(parent), name },
          view.askerOf(request),
        );
        return view.entry(entry.attributes, mark, parent, name);
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
        return { node: 0, entryTimeoutNs: watch.timeoutNs(mark, parent) };
      }
    },

    forget: (node, lookups) => known.forget(node, lookups),

    async readlink(request, node) {
      const asked = { volumeId: view.volumeId, node: BigInt(node) };
      const { target } = await metadata.call(nodeCalls.readlink, asked, view.askerOf(request));
      return Buffer.from(target);
    },

    async symlink(request, parent, name, target) {
      const { mark } = watch;
      const asker = view.askerOf(request);
      const entry = await directories.change(parent, () =>
        metadata.call(
          nodeCalls.symlink,
          { volumeId: view.volumeId, parent: BigInt(parent), name, target },
          { ...asker, whenRepeated: madeBefore(metadata, { parent, name }, asker, linkType) },
        ),
      );
      return view.entry(entry.attributes, mark, parent, name);
    },

    async mknod(request, parent, name, { mode, umask, rdev }) {
      const { mark } = watch;
      const asker = view.askerOf(request);
      const entry = await directories.change(parent, () =>
        metadata.call(
          nodeCalls.mknod,
          { volumeId: view.volumeId, parent: BigInt(parent), name, mode, umask, rdev },
          { ...asker, whenRepeated: madeBefore(metadata, { parent, name }, asker, mode & typeMask) },
        ),
      );
      return view.entry(entry.attributes, mark, parent, name);
    },

    async mkdir(request, parent, name, { mode, umask }) {
      const { mark } = watch;
      const asker = view.askerOf(request);
      const entry = await directories.change(parent, () =>
        metadata.call(
          nodeCalls.mkdir,
          { volumeId: view.volumeId, parent: BigInt(parent), name, mode, umask },
          { ...asker, whenRepeated: madeBefore(metadata, { parent, name }, asker, directoryType) },
        ),
      );
      return view.entry(entry.attributes, mark, parent, name);
    },

    async unlink(request, parent, name) {
      const asked = { volumeId: view.volumeId, parent: BigInt(parent), name };
      const asker = view.askerOf(request);
      await directories.change(parent, () =>
        metadata.call(nodeCalls.unlink, asked, { ...asker, whenRepeated: removedBefore }),
      );
    },

    async rmdir(request, parent, name) {
      const asked = { volumeId: view.volumeId, parent: BigInt(parent), name };
      const asker = view.askerOf(request);
      // Of the directory itself something is known, perhaps, and somebody may still have it open.
      await directories.changeUntold(undefined, () =>
        metadata.call(nodeCalls.rmdir, asked, { ...asker, whenRepeated: removedBefore }),
      );
    },

    async rename(request, parent, name, newParent, newName, flags) {
      const asker = view.askerOf(request);
      const [from, to] = [
        { parent, name },
        { parent: newParent, name: newName },
      ];
      // Two directories, and one that is replaced or moved.
      await directories.changeUntold(undefined, () =>
        metadata.call(
          nodeCalls.rename,
          {
            volumeId: view.volumeId,
            parent: BigInt(parent),
            name,
            newParent: BigInt(newParent),
            newName,
            flags,
          },
          { ...asker, whenRepeated: renamedBefore(metadata, from, to, asker) },
        ),
      );
    },

    async link(request, node, newParent, newName) {
      const { mark } = watch;
      const asker = view.askerOf(request);
      const place = { parent: newParent, name: newName };
      const entry = await directories.change(newParent, () =>
        metadata.call(
          nodeCalls.link,
          { volumeId: view.volumeId, node: BigInt(node), newParent: BigInt(newParent), newName },
          { ...asker, whenRepeated: linkedBefore(metadata, place, asker, node) },
        ),
      );
      return view.entry(entry.attributes, mark, newParent, newName);
    },
  };
}
