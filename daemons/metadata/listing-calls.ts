/** Our own call of the MRC that reads directories. */
import { nodeCalls } from '@xtreemos/rpc';
import { safeNumber } from './call-refusal.ts';
import { refusal } from './errno-error.ts';
import type { Request } from './file-system.ts';
import { list } from './lookup.ts';
import { type NodeCallParts, serveNodeCall } from './node-call.ts';
import { attributesMessage } from './node-messages.ts';

/** Entries of an answer, beside their names. */
const entryBytes = 24;
const attributesBytes = 120;
const mostBytes = 1 << 20;

export function serveListing(parts: NodeCallParts): void {
  const { files } = parts;
  const { names, openFiles } = files.parts;

  /** @throws ErrnoError EBADF */
  function mayList({ clientId, volume }: Request, node: number, handle: bigint): boolean {
    if (handle === 0n) return false;
    const file = openFiles.get(safeNumber(handle, 'handle'), clientId);
    if (file.node !== node || file.volume !== volume.number)
      throw refusal('EBADF', 'the handle is another file’s');
    return file.canRead;
  }

  serveNodeCall(parts, nodeCalls.readdir, (message, request) => {
    const node = safeNumber(message.node, 'node');
    const room = Math.min(message.maxBytes === 0 ? mostBytes : message.maxBytes, mostBytes);
    const options = {
      after: safeNumber(message.cookie, 'cookie'),
      withInodes: message.plus,
      mayList: mayList(request, node, message.handle),
    };
    const entries = [];
    let bytes = 0;
    let end = true;
    for (const { name, node: number, type, cookie, inode } of list(
      files.tree(request),
      request.caller,
      node,
      options,
    )) {
      bytes += entryBytes + name.length + (inode === undefined ? 0 : attributesBytes);
      // One at least: a caller with little room would read no further.
      if (bytes > room && entries.length > 0) {
        end = false;
        break;
      }
      entries.push({
        name,
        node: BigInt(number),
        type,
        cookie: BigInt(cookie),
        ...(inode === undefined ? {} : { attributes: attributesMessage({ node: number, inode }, names) }),
      });
    }
    return { entries, end };
  });
}
