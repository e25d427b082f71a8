/** Requests of the kernel that read directories. */
import type { DirectoryEntry, DirectoryWriter, FuseOperations } from '@xtreemos/fuse';
import { type NodeReaddirResponse_Entry, nodeCalls } from '@xtreemos/rpc';
import { knownSizeOf, present } from './kernel-attributes.ts';
import type { VolumeView } from './volume-view.ts';

export type DirectoryOperations = Required<
  Pick<FuseOperations, 'opendir' | 'readdir' | 'releasedir' | 'fsyncdir'>
>;

/** What was read and the kernel had no room for. */
interface Page {
  /** Where it begins: the cookie that it was asked for with. */
  cookie: number;
  entries: readonly NodeReaddirResponse_Entry[];
  isEnd: boolean;
  plus: boolean;
  mark: number;
}

const pageBytes = 128 * 1024;
const directoryFlag = 0o200000;

export function directoryOperations(view: VolumeView): DirectoryOperations {
  const { metadata, watch, open } = view.parts;
  const pages = new Map<number, Page>();

  function add(writer: DirectoryWriter, node: number, page: Page, found: NodeReaddirResponse_Entry): boolean {
    const name = Buffer.from(found.name);
    const entry: DirectoryEntry = {
      name,
      ino: Number(found.node),
      mode: found.type << 12,
      nextOffset: Number(found.cookie),
    };
    const { attributes } = found;
    if (!writer.plus || attributes === undefined) return writer.add(entry);
    const reply = view.attributes(attributes, page.mark);
    const entryTimeoutNs = watch.timeoutNs(page.mark, node);
    const isTaken = writer.addLookedUp(entry, {
      ...reply,
      node: Number(attributes.node),
      generation: attributes.generation,
      entryTimeoutNs,
    });
    if (isTaken) view.parts.known.lookedUp(Number(attributes.node), node, name);
    return isTaken;
  }

  return {
    async opendir(request, node, flags) {
      const asker = view.askerOf(request);
      const asked = { volumeId: view.volumeId, node: BigInt(node), flags: flags | directoryFlag };
      const { handle, attributes } = await metadata.call(nodeCalls.open, asked, asker);
      const known = knownSizeOf(present(attributes));
      const { user } = asker;
      open.add({
        handle,
        node,
        user,
        canWrite: false,
        known,
        credentials: undefined,
        isNew: false,
        appendTurn: 0n,
        notesAccess: view.notesAccess(flags),
      });
      return { handle: Number(handle) };
    },

    async readdir(request, node, handle, offset, writer) {
      const opened = open.get(handle);
      opened.wasRead = true;
      let cookie = offset;
      for (let isFirst = true; ; isFirst = false) {
        let page = pages.get(handle);
        if (
          page === undefined ||
          page.cookie !== cookie ||
          page.plus !== writer.plus ||
          page.entries.length === 0
        ) {
          if (page?.cookie === cookie && page.isEnd && page.plus === writer.plus && cookie !== 0) return;
          // Of what is added after the first page less is read than the kernel has room for.
          if (!isFirst) return;
          const { mark } = watch;
          const answer = await metadata.call(
            nodeCalls.readdir,
            {
              volumeId: view.volumeId,
              node: BigInt(node),
              cookie: BigInt(cookie),
              maxBytes: pageBytes,
              plus: writer.plus,
              handle: opened.handle,
            },
            { user: opened.user, signal: request.signal },
          );
          page = { cookie, entries: answer.entries, isEnd: answer.end, plus: writer.plus, mark };
          pages.set(handle, page);
        }
        let taken = 0;
        for (const found of page.entries) {
          if (!add(writer, node, page, found)) break;
          cookie = Number(found.cookie);
          taken += 1;
        }
        const isFull = taken < page.entries.length;
        pages.set(handle, { ...page, cookie, entries: page.entries.slice(taken) });
        if (isFull || page.entries.length === 0) return;
      }
    },

    async releasedir(_request, _node, { handle }) {
      pages.delete(handle);
      await open.release(handle);
    },

    // What the MRC acknowledges is on its disk.
    fsyncdir: () => undefined,
  };
}
