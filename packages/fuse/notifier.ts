import type { IsolatedThread } from '@xtreemos/native-fuse';
import { putU64 } from './encoding.ts';
import { errno, systemError } from './errno.ts';
import { notifyCode, outHeaderBytes } from './protocol.ts';

/**
 * Tells the kernel what changed behind its back. Each call waits its turn on a thread of its own, because the kernel may
 * make it wait for requests that this process has yet to answer: no operation may wait for one. Resolves also when the
 * kernel has nothing of the node.
 */
export interface FuseNotifier {
  /** Attributes and, from `offset` on, cached data are dropped. A negative offset: attributes alone; length 0: to the end. */
  invalidateNode(node: number, offset: number, length: number): Promise<void>;
  /** The name is looked up again at its next use. `expireOnly` (Linux 6.2): what is mounted or open beneath it stays. */
  invalidateEntry(parent: number, name: Buffer, options?: { readonly expireOnly?: boolean }): Promise<void>;
  /** As `invalidateEntry`, and the node has lost its last name: who has it open sees that. */
  deleteEntry(parent: number, child: number, name: Buffer): Promise<void>;
  /** Puts data into the kernel's cache of the node. */
  store(node: number, offset: number, data: Buffer): Promise<void>;
}

const nul = Buffer.alloc(1);
const expireOnlyFlag = 1;
const none = Buffer.alloc(0);

export function createNotifier(thread: IsolatedThread): FuseNotifier {
  /** Fields of 64 bits, then those of 32, then what follows them. */
  const notify = async (
    what: string,
    code: number,
    long: readonly number[],
    short: readonly number[],
    data: Buffer,
  ): Promise<void> => {
    const words = new Uint32Array(outHeaderBytes / 4 + long.length * 2 + short.length);
    words[0] = words.byteLength + data.length;
    words[1] = code;
    let at = outHeaderBytes / 4;
    for (const value of long) {
      putU64(words, at, value);
      at += 2;
    }
    words.set(short, at);
    const result = await thread.write(new Uint8Array(words.buffer), data);
    if (result < 0 && result !== errno.ENOENT) throw systemError(result, what, 'FUSE notification');
  };
  const named = (name: Buffer) => Buffer.concat([name, nul]);
  return {
    invalidateNode: (node, offset, length) =>
      notify('invalidateNode', notifyCode.invalidateNode, [node, offset, length], [], none),
    invalidateEntry: (parent, name, options) =>
      notify(
        'invalidateEntry',
        notifyCode.invalidateEntry,
        [parent],
        [name.length, options?.expireOnly === true ? expireOnlyFlag : 0],
        named(name),
      ),
    deleteEntry: (parent, child, name) =>
      notify('deleteEntry', notifyCode.delete, [parent, child], [name.length, 0], named(name)),
    store: (node, offset, data) => notify('store', notifyCode.store, [node, offset], [data.length, 0], data),
  };
}
