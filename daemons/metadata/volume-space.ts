import type { FileSystem } from './file-system.ts';
import type { OsdSelection } from './placement.ts';
import type { Volume } from './volume.ts';

export interface VolumeSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Room for files, as far as a quota says. */
  readonly mostFiles: number;
  readonly freeFiles: number;
}

/** What statfs(2) says of a volume: the room of its OSDs, or what its quota leaves of it. */
export function volumeSpace(files: FileSystem, { usable }: OsdSelection, volume: Volume): VolumeSpace {
  const counters = files.counters(volume);
  let totalBytes = 0;
  let freeBytes = 0;
  for (const osd of usable) {
    totalBytes += osd.totalBytes;
    freeBytes += osd.freeBytes;
  }
  const { bytes: mostBytes, files: quotaFiles } = volume.quota;
  if (mostBytes > 0) {
    freeBytes = Math.min(freeBytes, Math.max(mostBytes - counters.bytes, 0));
    totalBytes = counters.bytes + freeBytes;
  }
  const mostFiles = quotaFiles > 0 ? quotaFiles : 2 ** 32;
  return { totalBytes, freeBytes, mostFiles, freeFiles: Math.max(mostFiles - counters.files, 0) };
}
