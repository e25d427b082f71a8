import { blockBytes, blocksBefore } from './file-layout.ts';
import type { StoredFile } from './stored-file.ts';

/** What a file takes of the disk: blocks with content, in the file or yet in the log alone, and reserved ones; without what is kept beside them. */
export async function allocatedBytes(file: StoredFile): Promise<number> {
  const logged = [...file.logged.keys()].sort((one, other) => one - other);
  let blocks = 0;
  let nextLogged = 0;
  let nextBlock = 0;
  const addLogged = (end: number, counts: boolean) => {
    const first = nextLogged;
    while ((logged[nextLogged] ?? Number.POSITIVE_INFINITY) < end) nextLogged += 1;
    if (counts) blocks += nextLogged - first;
  };
  for (let position = 0; file.file !== undefined; ) {
    const extents = await file.file.extents(position);
    if (extents.length === 0) break;
    for (const { start, end } of extents) {
      position = Math.max(position, end);
      const first = Math.max(blocksBefore(Math.floor(start / blockBytes)), nextBlock);
      nextBlock = Math.max(blocksBefore(Math.ceil(end / blockBytes)), first);
      addLogged(first, true);
      addLogged(nextBlock, false);
      blocks += nextBlock - first;
    }
  }
  addLogged(Number.POSITIVE_INFINITY, true);
  return blocks * blockBytes;
}
