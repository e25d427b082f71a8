import { afterPrefix, type Store } from '@xtreemos/store';
import { formatFileId } from '@xtreemos/xtreemfs';
import { decodeInode } from './inode.ts';
import type { NameTable } from './name-table.ts';
import { addObjectWork } from './object-work.ts';
import { nodeOfKey, numberOfVolumeKey, type TableName, tablePrefix, volumePrefix } from './store-keys.ts';

/** Keys removed in one change: others get their turn in between. */
const atOnce = 512;
const otherTables: readonly TableName[] = [
  'entryByName',
  'entryByCookie',
  'attribute',
  'begunTruncation',
  'orphan',
  'usage',
  'volumeCounters',
];

/** Removes what is left of volumes that were removed, and has OSDs remove their objects. Goes on where a restart ended it. */
export async function clearRemovedVolumes(store: Store, names: NameTable): Promise<void> {
  const prefix = tablePrefix('removedVolume');
  for (const { key, value } of [...store.range(rangeOf(prefix))]) {
    const volume = numberOfVolumeKey(key);
    await clearInodes(store, names, { volume, volumeId: value.toString('latin1') });
    for (const table of otherTables) await clear(store, volumePrefix(table, volume));
    await store.write((writer) => writer.delete(key));
  }
}

async function clearInodes(
  store: Store,
  names: NameTable,
  { volume, volumeId }: { readonly volume: number; readonly volumeId: string },
): Promise<void> {
  const range = { ...rangeOf(volumePrefix('inode', volume)), limit: atOnce };
  while (
    (await store.write((writer) => {
      const found = [...writer.range(range)];
      for (const { key, value } of found) {
        const { layout, truncateEpoch, size } = decodeInode(value);
        writer.delete(key);
        if (layout === undefined) continue;
        addObjectWork(writer, {
          kind: 'unlink',
          fileId: formatFileId({ volumeId, node: BigInt(nodeOfKey(key)) }),
          stripeBytes: layout.stripeBytes,
          osdUuids: layout.osds.map((osd) => names.nameOf(osd, writer)),
          truncateEpoch,
          size,
        });
      }
      return found.length;
    })) === atOnce
  );
}

async function clear(store: Store, prefix: Buffer): Promise<void> {
  const range = { ...rangeOf(prefix), limit: atOnce };
  while (
    (await store.write((writer) => {
      const found = [...writer.range(range)];
      for (const { key } of found) writer.delete(key);
      return found.length;
    })) === atOnce
  );
}

function rangeOf(prefix: Buffer) {
  const to = afterPrefix(prefix);
  return { from: prefix, ...(to === undefined ? {} : { to }) };
}
