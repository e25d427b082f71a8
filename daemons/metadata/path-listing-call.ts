/** XtreemFS's own call that reads directories, by how many entries the client has seen. */
import { metadataCalls } from '@xtreemos/rpc';
import { safeNumber } from './call-refusal.ts';
import { type Found, list } from './lookup.ts';
import { type PathCallParts, servePathCall } from './path-call.ts';
import { statMessage } from './path-messages.ts';
import { walk } from './path-walk.ts';
import { allows, mayExecute } from './permission.ts';

/** Of an answer. */
const mostEntries = 10_000;

/** Places in directories where listings stopped: the next page begins there, and no entry before it is read again. */
class ListingPlaces {
  readonly #cookies = new Map<string, number>();
  readonly #most = 4096;

  get(key: string): number | undefined {
    return this.#cookies.get(key);
  }

  set(key: string, cookie: number): void {
    this.#cookies.delete(key);
    this.#cookies.set(key, cookie);
    if (this.#cookies.size <= this.#most) return;
    const [oldest] = this.#cookies.keys();
    if (oldest !== undefined) this.#cookies.delete(oldest);
  }
}

export function servePathListing(parts: PathCallParts): void {
  const { files } = parts;
  const { names } = files.parts;
  const places = new ListingPlaces();

  servePathCall(parts, metadataCalls.readdir, (message, request) => {
    const { caller, volume } = request;
    const tree = files.tree(request);
    const { node, inode } = walk(tree, caller, message.path);
    const seen = safeNumber(message.seenDirectoryEntriesCount, 'seen_directory_entries_count');
    const asked = message.limitDirectoryEntriesCount;
    const most = asked === 0 ? mostEntries : Math.min(asked, mostEntries);
    const keyOf = (count: number) => `${volume.number}:${node}:${count}`;
    const after = places.get(keyOf(seen));
    let toPass = after === undefined ? seen : 0;
    const withStats = !message.namesOnly && allows(inode, caller, mayExecute);
    const stat = (found: Found) => ({ stbuf: statMessage(found, volume, names) });
    const entries = [];
    let cookie = after ?? 0;
    const options = { after: cookie, withInodes: withStats, mayList: false };
    for (const entry of list(tree, caller, node, options)) {
      cookie = entry.cookie;
      if (toPass-- > 0) continue;
      const found = entry.inode ?? (withStats ? tree.find(entry.node) : undefined);
      entries.push({
        // What is no UTF-8 cannot be said here.
        name: entry.name.toString('utf8'),
        ...(found === undefined ? {} : stat({ node: entry.node, inode: found })),
      });
      if (entries.length === most) break;
    }
    if (entries.length === most) places.set(keyOf(seen + most), cookie);
    return { entries };
  });
}
