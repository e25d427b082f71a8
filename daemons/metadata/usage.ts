import type { StoreReader, StoreWriter } from '@xtreemos/store';
import { refusal } from './errno-error.ts';
import { readNumber, writeNumber } from './number-bytes.ts';
import { usageKey, volumeCountersKey } from './store-keys.ts';
import type { Quota } from './volume.ts';

export interface Usage {
  /** Of all files, as stat(2) says their sizes. */
  readonly bytes: number;
  readonly files: number;
}

export interface VolumeCounters extends Usage {
  readonly nextNode: number;
}

export function readCounters(reader: StoreReader, volume: number): VolumeCounters {
  const bytes = reader.get(volumeCountersKey(volume));
  if (bytes === undefined) throw new Error(`volume ${volume} has no counters`);
  return { nextNode: readNumber(bytes, 0), bytes: readNumber(bytes, 8), files: readNumber(bytes, 16) };
}

export function writeCounters(writer: StoreWriter, volume: number, counters: VolumeCounters): void {
  const bytes = Buffer.allocUnsafe(24);
  writeNumber(bytes, counters.nextNode, 0);
  writeNumber(bytes, counters.bytes, 8);
  writeNumber(bytes, counters.files, 16);
  writer.put(volumeCountersKey(volume), bytes);
}

export function readUsage(reader: StoreReader, volume: number, owner: number): Usage {
  const bytes = reader.get(usageKey(volume, owner));
  if (bytes === undefined) return { bytes: 0, files: 0 };
  return { bytes: readNumber(bytes, 0), files: readNumber(bytes, 8) };
}

/** Adds what a user uses more or, negative, less. @throws ErrnoError EDQUOT beyond the quota */
export function changeUsage(
  writer: StoreWriter,
  volume: number,
  owner: number,
  more: Usage,
  quota: Quota | undefined,
): void {
  const before = readUsage(writer, volume, owner);
  const after = { bytes: before.bytes + more.bytes, files: before.files + more.files };
  if (quota !== undefined && exceeds(after, more, quota))
    throw refusal('EDQUOT', 'the quota of the user is used up');
  writeUsage(writer, volume, owner, after);
}

export function writeUsage(writer: StoreWriter, volume: number, owner: number, usage: Usage): void {
  if (usage.bytes === 0 && usage.files === 0) {
    writer.delete(usageKey(volume, owner));
    return;
  }
  const bytes = Buffer.allocUnsafe(16);
  writeNumber(bytes, usage.bytes, 0);
  writeNumber(bytes, usage.files, 8);
  writer.put(usageKey(volume, owner), bytes);
}

/** What makes nothing worse is allowed beyond a quota too: how else would one get below it? */
export function exceeds(after: Usage, more: Usage, quota: Quota): boolean {
  return (
    (more.bytes > 0 && quota.bytes > 0 && after.bytes > quota.bytes) ||
    (more.files > 0 && quota.files > 0 && after.files > quota.files)
  );
}
