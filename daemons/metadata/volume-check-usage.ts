/** What a volume and its users are counted to use, and what their files add up to. */
import { afterPrefix, type StoreWriter } from '@xtreemos/store';
import { refusal } from './errno-error.ts';
import { decodeInode, type Inode } from './inode.ts';
import { chargedBytes } from './operation.ts';
import { inodeKey, nodeOfKey, volumePrefix } from './store-keys.ts';
import type { InodeWatch } from './tree.ts';
import { readCounters, readUsage, type Usage, writeCounters, writeUsage } from './usage.ts';
import { type CheckStep, filesIn, type VolumeCheck } from './volume-check-step.ts';

const inodesAtOnce = 500;

/**
 * Files are added up in the order of their numbers, in turn with changes. A change of a file that was added already is added too, so that in the end the sum
 * is that of one moment, and of the same one as the counters.
 * @param isRepairing in that same moment, the counters are set to what the files add up to
 * @throws ErrnoError ESTALE when another one began meanwhile
 */
export async function* checkUsage(
  check: Pick<VolumeCheck, 'files' | 'volume' | 'report'>,
  isRepairing = false,
): CheckStep {
  const { files, volume } = check;
  const { store, names } = files.parts;
  const sums = new Map<number, Usage>();
  let last = -1;
  let isOver = false;

  function add(inode: Inode, sign: 1 | -1): void {
    const { owner } = inode;
    const { bytes, files: count } = sums.get(owner) ?? { bytes: 0, files: 0 };
    sums.set(owner, { bytes: bytes + sign * chargedBytes(inode), files: count + sign });
  }

  function piece(writer: StoreWriter): readonly [number, string][] {
    const to = afterPrefix(volumePrefix('inode', volume.number));
    const range = { from: inodeKey(volume.number, last + 1), ...(to === undefined ? {} : { to }) };
    if (files.inodeWatches.get(volume.number) !== watch)
      throw refusal('ESTALE', 'another count of the volume began');
    const found = [...writer.range({ ...range, limit: inodesAtOnce })];
    for (const { key, value } of found) {
      add(decodeInode(value), 1);
      last = nodeOfKey(key);
    }
    isOver = found.length < inodesAtOnce;
    return isOver ? differences(writer) : [];
  }

  function differences(writer: StoreWriter): [number, string][] {
    const owners = new Set(sums.keys());
    const prefix = volumePrefix('usage', volume.number);
    const to = afterPrefix(prefix);
    for (const { key } of writer.range({ from: prefix, ...(to === undefined ? {} : { to }) }))
      owners.add(key.readUInt32BE(5));
    const found: [number, string][] = [];
    const all = { bytes: 0, files: 0 };
    for (const owner of owners) {
      const sum = sums.get(owner) ?? { bytes: 0, files: 0 };
      all.bytes += sum.bytes;
      all.files += sum.files;
      const text = difference(readUsage(writer, volume.number, owner), sum);
      if (text === undefined) continue;
      found.push([owner, text]);
      if (isRepairing) writeUsage(writer, volume.number, owner, sum);
    }
    const counters = readCounters(writer, volume.number);
    const text = difference(counters, all);
    if (text === undefined) return found;
    found.push([0, text]);
    if (isRepairing) writeCounters(writer, volume.number, { ...counters, ...all });
    return found;
  }

  const watch: InodeWatch = (node, before, after) => {
    if (node > last) return;
    if (before !== undefined) add(before, -1);
    if (after !== undefined) add(after, 1);
  };
  files.inodeWatches.set(volume.number, watch);
  try {
    for (let done = 0; !isOver; done += inodesAtOnce) {
      for (const [owner, text] of await store.write(piece)) {
        const whose = owner === 0 ? 'the volume' : `user ${names.nameOf(owner)}`;
        check.report({ kind: 'usage', detail: `${whose}: ${text}` });
      }
      yield { step: 'usage', done, total: filesIn(check) };
    }
  } finally {
    if (files.inodeWatches.get(volume.number) === watch) files.inodeWatches.delete(volume.number);
  }
}

function difference(counted: Usage, sum: Usage): string | undefined {
  if (counted.bytes === sum.bytes && counted.files === sum.files) return undefined;
  return `counted ${counted.bytes} bytes in ${counted.files} files, found ${sum.bytes} bytes in ${sum.files} files`;
}
